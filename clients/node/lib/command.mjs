/** The command line: what it takes, and what it checks before anything is sent. */
import { isIPv4 } from "node:net";
import { parseArgs } from "node:util";

import { UsageError } from "./errors.mjs";

export const HELP = `Usage: node send.mjs FILE --producer ID [OPTIONS]

  Streams a CSV file of readings (columns: docs/files.md) to the service, prints one line for every
  bale that conflicts or was rejected, and what became of all of them. The same file sent again
  changes nothing. An upload outlives a restart of the server for up to 120 s.

Options:
  --producer ID       Who sends: the warehouse, the laboratory.
  --server HOST:PORT  The server to talk to.  [default: $COTTON_SERVER, else 127.0.0.1:7410]
  --allow-plaintext   Talk to another machine without encryption.
  --batch-bales N     Bales a message, 1 to 16384.  [default: 500]
  --in-flight N       Batches that may wait for their answer, 1 to 64.  [default: 8]
  --json              Print one JSON object.
  --help              Show this message and exit.

Exit codes:
  0 done; 1 an unexpected error; 2 the command was not understood; 3 the file cannot be read as
  readings; 4 the server refused; 5 the server cannot be reached; 6 some bales conflict or were
  rejected, all others are stored; 130 interrupted.
`;

const OPTIONS = {
  producer: { type: "string" },
  server: { type: "string" },
  "allow-plaintext": { type: "boolean", default: false },
  "batch-bales": { type: "string", default: "500" },
  "in-flight": { type: "string", default: "8" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

/** The settings of a run, or `{help: true}`. Raises UsageError. */
export function readCommand(args, environ) {
  const { values, positionals } = parsed(args);
  if (values.help) return { help: true };
  if (positionals.length !== 1) throw new UsageError("Give exactly one FILE.");
  if (values.producer === undefined) throw new UsageError("Give --producer ID: who sends.");
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(values.producer)) {
    throw new UsageError(`${JSON.stringify(values.producer)} cannot name a producer.`, {
      reason: "INVALID_PRODUCER",
      remedy: 'Use 1 to 64 of the letters A-Z and a-z, digits, ".", "-", "_" and ":".',
    });
  }
  const server = values.server ?? (environ.COTTON_SERVER || "127.0.0.1:7410");
  requireServer(server, values["allow-plaintext"]);
  return {
    help: false,
    file: positionals[0],
    server,
    producerId: values.producer,
    batchBales: wholeNumber("batch-bales", values["batch-bales"], 16_384),
    inFlightMax: wholeNumber("in-flight", values["in-flight"], 64),
    asJson: values.json,
  };
}

function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message.split("\n")[0]);
  }
}

function wholeNumber(name, text, most) {
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) {
    throw new UsageError(`--${name} is ${JSON.stringify(text)}, not a number from 1 to ${most}.`);
  }
  return number;
}

function requireServer(server, allowPlaintext) {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):([0-9]{1,5})$/.exec(server);
  const port = Number(match?.[2] ?? 0);
  if (port < 1 || port > 65_535) {
    throw new UsageError(`${JSON.stringify(server)} is not the address of a server.`, {
      reason: "INVALID_ADDRESS",
      remedy: "Give it as HOST:PORT, such as 127.0.0.1:7410.",
    });
  }
  const host = match[1];
  const isLoopback =
    host === "localhost" || host === "[::1]" || (isIPv4(host) && host.startsWith("127."));
  if (!isLoopback && !allowPlaintext) {
    throw new UsageError(`${server} is another machine, and the connection would be plain text.`, {
      reason: "PLAINTEXT_REFUSED",
      remedy: "Give --allow-plaintext if the network is trusted.",
    });
  }
}
