/** Readings cut into batches, each under an id that follows from its content. */
import { createHash } from "node:crypto";

import { encodeBatch } from "./contract.mjs";
import { CottonError } from "./errors.mjs";

/** The largest message that servers take unless told otherwise, less room for its envelope. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024;

/**
 * Batches in order as `{index, firstRecord, lines, message}`: its place from 0, the place of its
 * first reading in the file from 1, the line of each reading, and the message ReadingBatch.
 *
 * `readings` are `{line, reading}`. The batch id is the SHA-256 of the batch's place and bytes: the
 * same file sent again is made of the same batches, and the service answers what it answered first.
 */
export async function* batchesOf(readings, balesMax) {
  let lines = [];
  let rows = [];
  let index = 0;
  let firstRecord = 1;
  const take = () => {
    const batch = { index, firstRecord, lines, message: messageOf(index, rows, lines) };
    index += 1;
    firstRecord += rows.length;
    lines = [];
    rows = [];
    return batch;
  };
  for await (const { line, reading } of readings) {
    lines.push(line);
    rows.push(reading);
    if (rows.length === balesMax) yield take();
  }
  if (rows.length > 0) yield take();
}

function messageOf(index, readings, lines) {
  const rows = { readings };
  const bytes = encodeBatch({ rows });
  if (bytes.length > BATCH_BYTES_MAX) {
    throw new CottonError(
      `The readings of lines ${lines[0]} to ${lines.at(-1)} take ${bytes.length} bytes; ` +
        `a message may take ${BATCH_BYTES_MAX}.`,
      { reason: "MESSAGE_TOO_LARGE", remedy: "Give a smaller --batch-bales." },
    );
  }
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(index));
  const batchId = createHash("sha256").update(place).update(bytes).digest("hex");
  return { batch_id: batchId, rows };
}
