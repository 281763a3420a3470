/** The columns of a CSV of readings: how the text of each is read, and where it goes. */
import { enumNames } from "./contract.mjs";
import {
  digitsParser,
  nameParser,
  parseCropYear,
  parseForeignFibre,
  parseHundredths,
  parsePreparation,
  parseRevision,
  parseSeconds,
  parseWhole,
} from "./values.mjs";

const KIND_PREFIX = "READING_KIND_";
const REASON_PREFIX = "AMENDMENT_REASON_";

/** Every measure or code of a reading. */
const VALUES = {
  length: parseHundredths,
  uniformity: parseHundredths,
  short_fibre: parseHundredths,
  strength: parseHundredths,
  elongation: parseHundredths,
  micronaire: parseHundredths,
  maturity: parseHundredths,
  rd: parseHundredths,
  plus_b: parseHundredths,
  trash_area: parseHundredths,
  trash_count: parseWhole,
  moisture: parseHundredths,
  spinning_consistency: parseWhole,
  colour_grade: parseWhole,
  instrument_colour_grade: parseWhole,
  colour_quadrant: parseWhole,
  leaf_grade: parseWhole,
  extraneous_matter: parseWhole,
  visual_grade: parseWhole,
  preparation: parsePreparation,
  foreign_fibre: parseForeignFibre,
};

const asText = (text) => text;

/** The parser of every column that a file may have; each raises ValueTextError. */
export const PARSERS = new Map(
  Object.entries({
    bale_code: digitsParser(32),
    usda_bale_id: digitsParser(12),
    crop_year: parseCropYear,
    lot_no: digitsParser(11),
    ...VALUES,
    standard: asText,
    laboratory: asText,
    instrument: asText,
    inspected_at: parseSeconds,
    kind: nameParser(KIND_PREFIX, enumNames("ReadingKind", KIND_PREFIX)),
    supersedes_revision: parseRevision,
    reason: nameParser(REASON_PREFIX, enumNames("AmendmentReason", REASON_PREFIX)),
    note: asText,
    decided_by: asText,
  }),
);

/** The columns that hold a measure or a code. */
export const VALUE_COLUMNS = Object.keys(VALUES);

const AMENDMENT_FIELDS = ["supersedes_revision", "reason", "note", "decided_by"];

/** The message Reading of the values of one line, by column; absent ones are left out. */
export function readingOf(values) {
  const { usda_bale_id: baleId, crop_year: cropYear, inspected_at: inspectedAtS, ...reading } = values;
  if (baleId !== undefined) reading.usda_bale = { bale_id: baleId, crop_year: cropYear };
  if (inspectedAtS !== undefined) reading.inspected_at_s = inspectedAtS;
  const amendment = {};
  for (const name of AMENDMENT_FIELDS) {
    if (reading[name] === undefined) continue;
    amendment[name] = reading[name];
    delete reading[name];
  }
  if (Object.keys(amendment).length > 0) reading.amendment = amendment;
  return reading;
}
