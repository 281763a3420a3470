/** Text files as blocks of whole lines: bounded memory, strict UTF-8, line numbers. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

import { FileError } from "./errors.mjs";

/** How much of a file is in memory at a time. */
const BLOCK_BYTES = 64 * 1024;

/** No record is longer; a file without line breaks must not be read whole. */
const LINE_BYTES_MAX = 64 * 1024;

const NEWLINE = 0x0a;
const SAVE_AS_UTF_8 = "Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8') and send it again.";

/**
 * The file in order as `{text, firstLine}`: whole lines, the number of the first one in the file.
 * A byte order mark is dropped. Raises FileError.
 */
export async function* readBlocks(path) {
  await requireFile(path);
  let rest = Buffer.alloc(0);
  let firstLine = 1;
  for await (const chunk of readable(path)) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    rest = bytes.subarray(end);
    if (rest.length > LINE_BYTES_MAX) {
      throw new FileError(
        path,
        `is longer than ${LINE_BYTES_MAX} bytes`,
        "Check that the file is text with one record a line.",
        { line: firstLine + newlines(bytes.subarray(0, end)) },
      );
    }
    if (end === 0) continue;
    const text = decoded(path, bytes.subarray(0, end), firstLine);
    yield { text, firstLine };
    firstLine += newlines(bytes.subarray(0, end));
  }
  if (rest.length > 0) yield { text: `${decoded(path, rest, firstLine)}\n`, firstLine };
}

async function requireFile(path) {
  let status;
  try {
    status = await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (!status.isFile()) throw new FileError(path, "is not a file", "Name one file of readings.");
  if (status.size === 0) throw new FileError(path, "is empty", "Check the export that wrote it.");
}

async function* readable(path) {
  try {
    yield* createReadStream(path, { highWaterMark: BLOCK_BYTES });
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path, error) {
  if (error.code === undefined) return error;
  return new FileError(
    path,
    `cannot be read (${error.code})`,
    "Check the name, its permissions and the disk.",
  );
}

function decoded(path, bytes, firstLine) {
  try {
    // A decoder of its own drops a byte order mark, which only the first line may have.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: firstLine > 1 }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const lines = splitLines(bytes);
  const wrong = lines.findIndex((line) => line.includes(0) || !isUtf8(line));
  throw new FileError(path, "is not UTF-8 text", SAVE_AS_UTF_8, { line: firstLine + wrong });
}

function isUtf8(bytes) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function splitLines(bytes) {
  const lines = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  lines.push(bytes.subarray(start));
  return lines;
}

function newlines(bytes) {
  let count = 0;
  for (const byte of bytes) if (byte === NEWLINE) count += 1;
  return count;
}
