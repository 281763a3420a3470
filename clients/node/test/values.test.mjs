/** Single values: exact, and refused where they do not fit. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ValueTextError,
  digitsParser,
  nameParser,
  parseForeignFibre,
  parseHundredths,
  parsePreparation,
  parseRevision,
  parseSeconds,
  parseWhole,
} from "../lib/values.mjs";

const refuses = (parse, text, problem) =>
  assert.throws(
    () => parse(text),
    (error) => error instanceof ValueTextError && error.problem === problem && error.remedy !== "",
    `${JSON.stringify(text)} must be refused: ${problem}`,
  );

test("hundredths are taken by digits", () => {
  const table = [
    ["28.2", 2820],
    ["28.20", 2820],
    ["28.200000", 2820],
    ["0.29", 29],
    ["1.15", 115],
    ["8.7", 870],
    ["+4", 400],
    ["-0.07", -7],
    ["-0", 0],
    ["007.5", 750],
    ["21474836.47", 2147483647],
  ];
  for (const [text, expected] of table) {
    assert.ok(Object.is(parseHundredths(text), expected), `${text} is ${expected}`);
  }
});

test("every number of hundredths is read back as it is written", () => {
  // Floats fail here: 0.29 * 100 is 28.999999999999996.
  for (let hundredths = 0; hundredths < 20_000; hundredths += 1) {
    const text = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
    assert.equal(parseHundredths(text), hundredths);
  }
});

test("what does not fit hundredths is refused, never rounded", () => {
  refuses(parseHundredths, "28.205", "does not fit hundredths");
  refuses(parseHundredths, "21474836.48", "is too large");
  refuses(parseHundredths, "28,2", "has a decimal comma");
  for (const text of ["NaN", "-inf", "n/a", "-", "--", "1e3", ".5", "5.", "0x1F", "2 8", "٢٨"]) {
    refuses(parseHundredths, text, "is not a number");
  }
});

test("whole numbers", () => {
  assert.equal(parseWhole("31"), 31);
  assert.ok(Object.is(parseWhole("-0"), 0));
  refuses(parseWhole, "31.0", "is not a whole number");
  refuses(parseWhole, "2147483648", "is too large");
  refuses(parseWhole, "3l", "is not a number");
});

test("codes", () => {
  assert.deepEqual(["P1", "p2", "3"].map(parsePreparation), [
    "PREPARATION_P1",
    "PREPARATION_P2",
    "PREPARATION_P3",
  ]);
  refuses(parsePreparation, "P4", "is no ginning preparation");
  assert.deepEqual(["0", "1"].map(parseForeignFibre), [false, true]);
  refuses(parseForeignFibre, "true", "is neither 0 nor 1");
  const kind = nameParser("READING_KIND_", ["REVIEW"]);
  assert.equal(kind("review"), "READING_KIND_REVIEW");
  refuses(kind, "RE", "is not known");
});

test("a revision keeps all its 63 bits", () => {
  assert.equal(parseRevision("9223372036854775807"), "9223372036854775807");
  assert.equal(parseRevision("0009007199254740993"), "9007199254740993");
  refuses(parseRevision, "9223372036854775808", "is no revision");
  refuses(parseRevision, "0", "is no revision");
});

test("identifiers have exactly their digits", () => {
  const lot = digitsParser(11);
  assert.equal(lot("65140161077"), "65140161077");
  refuses(lot, "6514016107", "is not 11 digits");
  refuses(lot, "6.514E+10", "is not 11 digits");
});

test("times without an offset are China time", () => {
  const table = [
    ["2016-11-20T12:00:00+08:00", 1479614400],
    ["2016-11-20T12:00:00", 1479614400],
    ["2016-11-20 12:00", 1479614400],
    ["2016-11-20T04:00:00Z", 1479614400],
    ["2016-11-19T23:30:00.000-0430", 1479614400],
    ["2016-11-20", 1479571200],
    ["2016-02-29", 1456675200],
  ];
  for (const [text, expected] of table) assert.equal(parseSeconds(text), expected, text);
});

test("times that no calendar has are refused", () => {
  for (const text of ["2017-02-29", "2016-13-01", "2016-11-20T24:00", "2016-11-20T1:00", "20.11.2016"]) {
    refuses(parseSeconds, text, "is not a time");
  }
  refuses(parseSeconds, "2016-11-20T12:00:00.5", "has a fraction of a second");
  refuses(parseSeconds, "1969-12-31", "lies before 1970");
});
