/** Uploads against a server in this process that breaks in every way that matters. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";

import { IngestService, encodeStatus, messageType } from "../lib/contract.mjs";
import { ContractViolation, FileError, OutOfStep, Refused, Unavailable } from "../lib/errors.mjs";
import { issueLine } from "../lib/render.mjs";
import { ReadingStream } from "../lib/stream.mjs";
import { Upload } from "../lib/upload.mjs";

const HASTY = { patienceMs: 2_000, patienceFirstMs: 300, pauseFirstMs: 1, pauseMaxMs: 20 };
const COUNTS = {
  received: 0,
  created: 0,
  existing: 0,
  conflicting: 0,
  rejected: 0,
  superseded: 0,
  corrected: 0,
  retested: 0,
};

const closing = [];
after(() => closing.forEach((close) => close()));

function batch(index, bales = 2) {
  const lines = Array.from({ length: bales }, (_, row) => index * bales + row + 2);
  const readings = lines.map(() => ({ bale_code: "1", lot_no: "2" }));
  const message = { batch_id: `batch-${index}`, rows: { readings } };
  return { index, firstRecord: index * bales + 1, lines, message };
}

async function* batches(count, error) {
  for (let index = 0; index < count; index += 1) yield batch(index);
  if (error !== undefined) throw error;
}

function status(code, reason, { retryAfterS, message = "It broke." } = {}) {
  const details = [];
  const pack = (name, value) => {
    const type = `google.rpc.${name}`;
    details.push({ type_url: `type.googleapis.com/${type}`, value: messageType(type).serialize(value) });
  };
  pack("ErrorInfo", { reason, domain: "test", metadata: { remedy: "Mend it.", more: "1" } });
  if (retryAfterS !== undefined) pack("RetryInfo", { retry_delay: { seconds: retryAfterS } });
  pack("BadRequest", { field_violations: [{ field: "batch.rows", description: "is wrong" }] });
  return { code, message: `${message} Mend it.`, details };
}

function ending(packed) {
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(encodeStatus(packed)));
  return { code: packed.code, details: packed.message, metadata };
}

/** A service that remembers batches; `script(call, request, stored)` may break an answer. */
async function service(script) {
  const stored = new Map();
  const seen = { streams: 0, batches: [] };
  const server = new grpc.Server();
  server.addService(IngestService.service, {
    AppendReadings(call) {
      seen.streams += 1;
      call.on("error", () => {});
      call.on("data", (request) => {
        if (request.request === "batch") seen.batches.push(request.batch.batch_id);
        if (script(call, request, stored, seen) === "done") return;
        if (request.request === "open") {
          call.write({ revision: stored.size, opened: { ...request.open, next_sequence: 1 } });
          return;
        }
        call.write({ result: resultOf(request.batch, stored) });
      });
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  closing.push(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, stored, seen };
}

function resultOf({ batch_id: batchId, rows }, stored) {
  const repeated = stored.has(batchId);
  if (!repeated) stored.set(batchId, String(2n ** 53n + 1n + BigInt(stored.size)));
  const received = rows.readings.length;
  return {
    batch_id: batchId,
    revision: stored.get(batchId),
    repeated_batch: repeated,
    outcome: { ...COUNTS, received, created: received },
  };
}

function uploadTo(address, source, { answerMsMax = 5_000, ...options } = {}) {
  const client = new IngestService(address, grpc.credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 100,
  });
  closing.push(() => client.close());
  return new Upload({
    batches: source,
    openStream: () => new ReadingStream(client, address, answerMsMax),
    producerId: "W-01",
    inFlightMax: 4,
    patience: HASTY,
    ...options,
  });
}

test("everything is acknowledged, and a revision of more than 53 bits is kept", async () => {
  const { address, stored } = await service(() => {});
  const totals = await uploadTo(address, batches(10)).run();
  assert.deepEqual([totals.batches, totals.received, totals.counts.created], [10, 20, 20]);
  assert.equal(totals.revision, 2n ** 53n + 10n);
  assert.equal(stored.size, 10);
  assert.ok(totals.complete);
  assert.deepEqual([totals.streams, totals.resentBatches, totals.repeatedBatches], [1, 0, 0]);
});

test("the same content again is a repeat", async () => {
  const { address } = await service(() => {});
  await uploadTo(address, batches(3)).run();
  const totals = await uploadTo(address, batches(4)).run();
  assert.deepEqual([totals.repeatedBatches, totals.batches], [3, 4]);
});

test("no more batches are read than may be in flight", async () => {
  let answered = 0;
  let ahead = 0;
  const { address } = await service((call, { request, batch: sent }, stored) => {
    if (request !== "batch") return undefined;
    const result = resultOf(sent, stored);
    setTimeout(() => {
      answered += 1;
      call.write({ result });
    }, 5);
    return "done";
  });
  async function* watched() {
    let read = 0;
    for await (const each of batches(20)) {
      read += 1;
      ahead = Math.max(ahead, read - answered);
      yield each;
    }
  }
  const totals = await uploadTo(address, watched(), { inFlightMax: 3 }).run();
  assert.equal(totals.batches, 20);
  assert.equal(ahead, 3);
});

test("a stream that breaks is resumed, and what was stored unseen is counted once", async () => {
  const { address, stored, seen } = await service((call, { request, batch: sent }, known, { batches: all }) => {
    // Every third batch is stored, and its answer lost with the stream.
    if (request !== "batch" || all.length % 3 !== 0 || known.has(sent.batch_id)) return undefined;
    resultOf(sent, known);
    call.emit("error", ending(status(grpc.status.UNAVAILABLE, "DRAINING", { retryAfterS: 0 })));
    return "done";
  });
  const pauses = [];
  const upload = uploadTo(address, batches(9), { onPause: (error) => pauses.push(error.reason) });
  const totals = await upload.run();
  assert.deepEqual([...stored.keys()], Array.from({ length: 9 }, (_, index) => `batch-${index}`));
  assert.deepEqual([totals.received, totals.counts.created], [18, 18]);
  assert.ok(totals.streams > 1 && totals.resentBatches > 0);
  assert.equal(totals.streams, seen.streams);
  assert.equal(totals.repeatedBatches, 0, "a batch that this upload sent twice is no earlier one");
  assert.deepEqual(new Set(pauses), new Set(["DRAINING"]));
});

test("a refusal that asks to come back is sent again", async () => {
  let refusals = 0;
  const { address } = await service((call, { request, batch: sent }) => {
    if (request !== "batch" || refusals === 2) return undefined;
    refusals += 1;
    const full = status(grpc.status.RESOURCE_EXHAUSTED, "STORAGE_FULL", { retryAfterS: 0 });
    call.write({ refused: { batch_id: sent.batch_id, status: full } });
    return "done";
  });
  const totals = await uploadTo(address, batches(3)).run();
  assert.equal(totals.received, 6);
  assert.equal(refusals, 2);
});

test("a refusal says which lines, the server's reason, the fields and what to do", async () => {
  const { address } = await service((call, { request, batch: sent }) => {
    if (request !== "batch" || sent.batch_id !== "batch-1") return undefined;
    const wrong = status(grpc.status.INVALID_ARGUMENT, "INVALID_FIELD");
    call.write({ refused: { batch_id: sent.batch_id, status: wrong } });
    return "done";
  });
  const upload = uploadTo(address, batches(3));
  await assert.rejects(upload.run(), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.reason, "INVALID_FIELD");
    assert.equal(error.remedy, "Mend it.");
    assert.equal(error.message, "Batch 2 (lines 4 to 5) was refused: It broke.");
    assert.deepEqual(error.violations, [{ field: "batch.rows", description: "is wrong" }]);
    assert.deepEqual({ ...error.metadata }, { more: "1" });
    return true;
  });
  assert.equal(upload.totals.received, 2);
});

test("who was replaced by another stream does not come back", async () => {
  const { address, seen } = await service((call, { request }) => {
    if (request !== "batch") return undefined;
    call.emit("error", ending(status(grpc.status.UNAVAILABLE, "STREAM_REPLACED", { retryAfterS: 0 })));
    return "done";
  });
  await assert.rejects(uploadTo(address, batches(3)).run(), { reason: "STREAM_REPLACED" });
  assert.equal(seen.streams, 1);
});

/** Uploads six batches over a service that goes astray once, and must be resumed and lose nothing. */
async function checkResumed(reason, script, options = {}) {
  let astray = false;
  const { address, stored, seen } = await service((call, request, known, sofar) => {
    if (astray) return undefined;
    astray = script(call, request, known, sofar) ?? false;
    return astray ? "done" : undefined;
  });
  const reasons = [];
  const onPause = (error) => reasons.push(error.reason);
  const totals = await uploadTo(address, batches(6), { ...options, onPause }).run();
  assert.ok(astray, "the service went astray");
  assert.deepEqual(reasons, [reason]);
  assert.equal(seen.streams, 2);
  assert.deepEqual([...stored.keys()].sort(), Array.from({ length: 6 }, (_, index) => `batch-${index}`));
  assert.deepEqual([totals.batches, totals.received, totals.counts.created], [6, 12, 12]);
  return { totals, seen };
}

/** Whether a request is the batch with that index. */
const isBatch = ({ request, batch: sent }, index) =>
  request === "batch" && sent.batch_id === `batch-${index}`;

test("an answer that was lost is not guessed from the next: all that waits is sent again", async () => {
  const { totals, seen } = await checkResumed("OUT_OF_STEP", (_call, request, known) => {
    if (!isBatch(request, 1)) return undefined;
    // Stored, and its answer lost; that to the next batch is sent as ever.
    resultOf(request.batch, known);
    return true;
  });
  assert.equal(seen.batches.filter((id) => id === "batch-1").length, 2);
  assert.equal(totals.repeatedBatches, 0);
});

test("an answer that comes twice is not taken for that of the next batch", async () => {
  for (const index of [1, 5]) {
    await checkResumed("OUT_OF_STEP", (call, request, known) => {
      if (!isBatch(request, index)) return undefined;
      const result = resultOf(request.batch, known);
      call.write({ result });
      call.write({ result });
      return true;
    });
  }
});

test("answers out of order are not taken", async () => {
  let held;
  await checkResumed("OUT_OF_STEP", (call, request, known) => {
    if (isBatch(request, 1)) held = resultOf(request.batch, known);
    if (!isBatch(request, 2)) return undefined;
    call.write({ result: resultOf(request.batch, known) });
    call.write({ result: held });
    return true;
  });
});

test("an opening that is answered twice is no answer to a batch", async () => {
  await checkResumed("OUT_OF_STEP", (call, request) => {
    if (!isBatch(request, 0)) return undefined;
    call.write({ opened: { producer_id: "W-01", next_sequence: 1 } });
    return true;
  });
});

test("an opening that was heard twice is not the refusal of the oldest batch", async () => {
  const twice = { refused: { status: status(grpc.status.FAILED_PRECONDITION, "STREAM_NOT_OPENED") } };
  await checkResumed("OUT_OF_STEP", (call, request) => {
    if (!isBatch(request, 2)) return undefined;
    call.write(twice);
    return true;
  });
  // The same, with the answer to the first opening lost.
  await checkResumed("OUT_OF_STEP", (call, { request }) => {
    if (request !== "open") return undefined;
    call.write(twice);
    return true;
  });
});

test("an answer to a batch is none to an opening", async () => {
  await checkResumed("OUT_OF_STEP", (call, { request }) => {
    if (request !== "open") return undefined;
    call.write({ result: { batch_id: "batch-0", revision: "1", outcome: COUNTS } });
    return true;
  });
});

test("an answer that is lost with none after it is not waited for without end", async () => {
  for (const index of [0, 5]) {
    await checkResumed(
      "DEADLINE_EXCEEDED",
      (_call, request, known) => {
        if (!isBatch(request, index)) return undefined;
        resultOf(request.batch, known);
        return true;
      },
      // The silence alone is longer than patience is.
      { answerMsMax: 200, inFlightMax: 1, patience: { ...HASTY, patienceMs: 150 } },
    );
  }
});

test("time without a batch that waits is no silence of the server", async () => {
  const { address, seen } = await service(() => {});
  async function* slowly() {
    for await (const each of batches(3)) {
      await sleep(120);
      yield each;
    }
  }
  const totals = await uploadTo(address, slowly(), { answerMsMax: 60, inFlightMax: 1 }).run();
  assert.deepEqual([totals.batches, seen.streams], [3, 1]);
});

test("a refusal that names no batch is not pinned on one of several", async () => {
  const { address } = await service((call, { request }, _known, { batches: all }) => {
    if (request !== "batch") return undefined;
    if (all.length === 3) {
      call.write({ refused: { status: status(grpc.status.INVALID_ARGUMENT, "INVALID_FIELD") } });
    }
    return "done";
  });
  await assert.rejects(uploadTo(address, batches(3)).run(), {
    reason: "INVALID_FIELD",
    message: "One of batches 1 to 3 (lines 2 to 7) was refused: It broke.",
  });
});

test("answers that stay out of step are given up, as what they are", async () => {
  const { address, stored } = await service((call, { request, batch: sent }, known) => {
    if (request !== "batch") return undefined;
    call.write({ result: { ...resultOf(sent, known), batch_id: "other" } });
    return "done";
  });
  const upload = uploadTo(address, batches(1), { patience: { ...HASTY, patienceMs: 100 } });
  await assert.rejects(upload.run(), OutOfStep);
  assert.deepEqual([upload.totals.batches, stored.size], [0, 1]);
});

test("an opening that is refused is said", async () => {
  const { address } = await service((call) => {
    call.write({ refused: { status: status(grpc.status.INVALID_ARGUMENT, "INVALID_FIELD") } });
    return "done";
  });
  await assert.rejects(uploadTo(address, batches(1)).run(), { reason: "INVALID_FIELD" });
});

test("a server that does not answer is given up", async () => {
  const { address } = await service((_call, { request }) => (request === "batch" ? "done" : undefined));
  await assert.rejects(
    uploadTo(address, batches(1), {
      answerMsMax: 40,
      patience: { ...HASTY, patienceMs: 200 },
    }).run(),
    { reason: "DEADLINE_EXCEEDED" },
  );
});

test("a server that is not there is given up", async () => {
  const { address } = await service(() => {});
  closing.pop()();
  const started = performance.now();
  await assert.rejects(uploadTo(address, batches(1)).run(), (error) => {
    assert.ok(error instanceof Unavailable);
    assert.ok(error.message.includes(address));
    return true;
  });
  assert.ok(performance.now() - started < HASTY.patienceMs, "the patience of the first answer");
});

test("an error of the file is raised after what stood before it is acknowledged", async () => {
  const { address, stored } = await service(() => {});
  const wrong = new FileError("f.csv", "is wrong", "Mend it.", { line: 9 });
  const upload = uploadTo(address, batches(2, wrong));
  await assert.rejects(upload.run(), wrong);
  assert.equal(stored.size, 2);
  assert.equal(upload.totals.received, 4);
});

test("answers that the contract rules out end the upload", async () => {
  const answers = {
    "without an identity": ({ result: { batch_id: _, ...result } }) => ({ result }),
    "that do not add up": ({ result }) => ({
      result: { ...result, outcome: { ...result.outcome, created: 1 } },
    }),
    "of another number of bales": ({ result }) => ({
      result: { ...result, outcome: { ...result.outcome, received: 1, created: 1 } },
    }),
    "that say nothing": () => ({ revision: 1 }),
  };
  for (const [name, change] of Object.entries(answers)) {
    const { address } = await service((call, { request, batch: sent }, stored) => {
      if (request !== "batch") return undefined;
      call.write(change({ result: resultOf(sent, stored) }));
      return "done";
    });
    await assert.rejects(uploadTo(address, batches(1)).run(), ContractViolation, name);
  }
});

test("bales at issue are told with line, field, both values and conflict", async () => {
  const outcomes = [
    {
      row: 0,
      outcome: "OUTCOME_EXISTS_WITH_DIFFERENT_LENGTH",
      bale: "123",
      field: "FIELD_LENGTH",
      received: "28.20",
      stored: "28.70",
      conflict_id: "7/0",
    },
    {
      row: 1,
      outcome: "OUTCOME_REJECTED",
      bale: "124",
      field: "FIELD_MICRONAIRE",
      rule: "RULE_ABOVE",
      received: "99.00",
      limit: "8.00",
    },
    { row: 2, outcome: "OUTCOME_CORRECTED", bale: "125", stored_revision: "3" },
  ];
  const counts = { received: 3, conflicting: 1, rejected: 1, corrected: 1 };
  const { address } = await service((call, { request, batch: sent }) => {
    if (request !== "batch") return undefined;
    const outcome = { ...COUNTS, ...counts, outcomes };
    call.write({ result: { batch_id: sent.batch_id, revision: "7", outcome } });
    return "done";
  });
  const told = [];
  async function* one() {
    yield batch(0, 3);
  }
  const totals = await uploadTo(address, one(), { onIssues: (issues) => told.push(...issues) }).run();
  assert.deepEqual(told.map(issueLine), [
    "line 2: 123 conflicts, length: received 28.20, stored 28.70 (conflict 7/0)",
    "line 3: 124 rejected, micronaire: received 99.00, above 8.00",
  ]);
  assert.deepEqual(totals.issues, told);
  assert.deepEqual([totals.complete, totals.counts.corrected], [false, 1]);
});
