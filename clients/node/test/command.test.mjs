/** The command line: defaults, and what is refused before anything is sent. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { readCommand } from "../lib/command.mjs";
import { UsageError } from "../lib/errors.mjs";

const command = (text, environ = {}) => readCommand(text.split(" "), environ);

test("defaults", () => {
  assert.deepEqual(command("f.csv --producer W-01"), {
    help: false,
    file: "f.csv",
    server: "127.0.0.1:7410",
    producerId: "W-01",
    batchBales: 500,
    inFlightMax: 8,
    asJson: false,
  });
});

test("the environment names the server, and an option comes before it", () => {
  const environ = { COTTON_SERVER: "localhost:1" };
  assert.equal(command("f --producer p", environ).server, "localhost:1");
  assert.equal(command("f --producer p --server [::1]:2", environ).server, "[::1]:2");
});

test("another machine is reached in plain text only where that is asked for", () => {
  assert.throws(() => command("f --producer p --server 10.0.0.1:7410"), { reason: "PLAINTEXT_REFUSED" });
  const { server } = command("f --producer p --server 10.0.0.1:7410 --allow-plaintext");
  assert.equal(server, "10.0.0.1:7410");
});

test("what cannot work is refused", () => {
  for (const text of [
    "--producer p",
    "a b --producer p",
    "f",
    "f --producer p/q",
    "f --producer p --server nowhere",
    "f --producer p --server 127.0.0.1:70000",
    "f --producer p --batch-bales 0",
    "f --producer p --batch-bales 16385",
    "f --producer p --in-flight 1.5",
    "f --producer p --unknown",
  ]) {
    assert.throws(() => command(text), UsageError, text);
  }
});
