/**
 * Readings of a CSV file, one by one, in the columns of docs/files.md.
 *
 * What cannot be encoded is refused here, with file, line, column and value. What can be, but is
 * not likely or not allowed, is for the service to say: it knows the standards.
 */
import { parse } from "csv-parse/sync";

import { FileError } from "./errors.mjs";
import { PARSERS, VALUE_COLUMNS, readingOf } from "./fields.mjs";
import { readBlocks } from "./lines.mjs";
import { ValueTextError } from "./values.mjs";

/** The readings in order as `{line, reading}`, with the line of the file. Raises FileError. */
export async function* readReadings(path) {
  let header;
  let records = 0;
  for await (const block of readBlocks(path)) {
    let { text, firstLine } = block;
    if (header === undefined) {
      const found = findHeader(text, firstLine);
      if (found === undefined) continue;
      header = parseHeader(path, found.header, found.line);
      ({ rest: text, line: firstLine } = { rest: found.rest, line: found.line + 1 });
    }
    for (const { line, texts } of parseRecords(path, text, firstLine)) {
      records += 1;
      yield { line, reading: parseReading(path, header, line, texts) };
    }
  }
  if (records === 0) {
    throw new FileError(path, "holds no records", "Check the export that wrote it.");
  }
}

/** The first line that is neither blank nor a comment; undefined where the block has none. */
function findHeader(text, firstLine) {
  let line = firstLine;
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf("\n", start);
    const header = text.slice(start, end);
    if (header.trim() !== "" && !header.startsWith("#")) {
      return { header: `${header}\n`, line, rest: text.slice(end + 1) };
    }
    start = end + 1;
    line += 1;
  }
  return undefined;
}

function parseHeader(path, text, line) {
  const [{ texts: names }] = parseRecords(path, text, line);
  const refuse = (problem, remedy, details) => {
    throw new FileError(path, problem, remedy, { line, ...details });
  };
  for (const [place, name] of names.entries()) {
    const column = String(place + 1);
    if (!PARSERS.has(name)) {
      const known = [...PARSERS.keys()].join(", ");
      refuse("is not a known column", `Rename or remove it; known are ${known}.`, {
        column,
        value: name,
      });
    }
    if (names.indexOf(name) < place) {
      refuse("is there twice", "Remove one.", { column, value: name });
    }
  }
  const has = (name) => names.includes(name);
  const missing = (column, remedy) => refuse("is missing from the header", remedy, { column });
  if (!has("bale_code") && !has("usda_bale_id")) {
    missing("bale_code", "Add the 32-digit bale code, or usda_bale_id and crop_year.");
  }
  if (has("usda_bale_id") && !has("crop_year")) missing("crop_year", "Add it.");
  if (has("bale_code") && !has("lot_no")) missing("lot_no", "Add it.");
  if (!VALUE_COLUMNS.some(has)) missing("micronaire", "Add at least one measure or grade.");
  return names;
}

/** The records of whole lines as `{line, texts}`, trimmed; blank lines are left out. */
function* parseRecords(path, text, firstLine) {
  let parsed;
  try {
    parsed = parse(text, {
      info: true,
      record_delimiter: ["\n", "\r\n"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    if (error.code === undefined || error.lines === undefined) throw error;
    throw new FileError(
      path,
      `has quotes that cannot be read (${error.code})`,
      "Double a quote inside quotes, and end every value on its line.",
      { line: firstLine + error.lines - 1 },
    );
  }
  for (const { record, info } of parsed) {
    const texts = record.map((each) => each.trim());
    const line = firstLine + info.lines - 1;
    if (texts.length === 1 && texts[0] === "") continue;
    if (record.some((each) => each.includes("\n"))) {
      throw new FileError(
        path,
        "has a value that goes over the end of its line",
        "End every value on its line.",
        { line },
      );
    }
    yield { line, texts };
  }
}

function parseReading(path, header, line, texts) {
  if (texts.length !== header.length) {
    throw new FileError(
      path,
      `has ${texts.length} values, the header has ${header.length}`,
      "Check for missing or extra commas; put a value with a comma in double quotes.",
      { line },
    );
  }
  const values = {};
  for (const [place, column] of header.entries()) {
    const text = texts[place];
    if (text === "") continue;
    try {
      values[column] = PARSERS.get(column)(text);
    } catch (error) {
      if (!(error instanceof ValueTextError)) throw error;
      throw new FileError(path, error.problem, `${capitalised(error.remedy)}.`, {
        line,
        column,
        value: text,
      });
    }
  }
  requireKey(path, line, values);
  return readingOf(values);
}

/** A bale is named in exactly one way, and one with a bar code by its lot too. */
function requireKey(path, line, values) {
  const refuse = (column, problem, remedy) => {
    throw new FileError(path, problem, remedy, { line, column });
  };
  const hasCode = values.bale_code !== undefined;
  const isUsda = values.usda_bale_id !== undefined;
  if (!hasCode && !isUsda) {
    refuse("bale_code", "the bale has no identifier", "State its bale code or USDA bale id.");
  }
  if (hasCode && isUsda) {
    refuse("usda_bale_id", "stands beside a bale code", "Leave one of the two empty.");
  }
  if (isUsda && values.crop_year === undefined) {
    refuse("crop_year", "the USDA bale has no crop year", "State it.");
  }
  if (!isUsda && values.crop_year !== undefined) {
    refuse("crop_year", "stands beside a bale code, which carries its own date", "Leave it empty.");
  }
  if (hasCode && values.lot_no === undefined) {
    refuse("lot_no", "the bale has no lot number", "State it.");
  }
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
