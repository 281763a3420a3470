/** Texts of single values as the integers of the contract: exact, by digits, never by floats. */

const INT32_MAX = 2 ** 31 - 1;
const DECIMAL = /^([+-]?)([0-9]{1,12})(?:\.([0-9]+))?$/;
const WHOLE = /^[+-]?[0-9]{1,19}$/;
const REVISION_MAX = 2n ** 63n - 1n;
const DECIMAL_COMMA = /^[+-]?[0-9]+,[0-9]+$/;
const MOMENT =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const CHINA_OFFSET_S = 8 * 3600;

/** A text that is not a value of its kind: what is wrong, and what to do about it. */
export class ValueTextError extends Error {
  constructor(problem, remedy) {
    super(`${problem}; ${remedy}`);
    this.name = "ValueTextError";
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** A decimal as hundredths: "28.2" is 2820. What does not fit is refused, nothing is rounded. */
export function parseHundredths(text) {
  const match = DECIMAL.exec(text);
  if (match === null) throw notANumber(text, "28.2");
  const [, sign, whole, decimals = ""] = match;
  const fraction = decimals.replace(/0+$/, "");
  if (fraction.length > 2) {
    throw new ValueTextError(
      "does not fit hundredths",
      "state it with at most two decimals, as the record does",
    );
  }
  // At most fourteen digits: far below 2 ** 53, so the whole number is exact.
  return signed(sign, Number(whole + fraction.padEnd(2, "0")), "check the unit and the decimal point");
}

/** A whole number. */
export function parseWhole(text) {
  if (!WHOLE.test(text)) {
    if (DECIMAL.test(text)) {
      throw new ValueTextError("is not a whole number", "write it without decimals");
    }
    throw notANumber(text, "31");
  }
  return signed(text[0], Number(text.replace(/^[+-]/, "")), "check the value");
}

/** A revision as text: it may have 63 bits, and a JavaScript number holds 53. */
export function parseRevision(text) {
  if (!/^[0-9]{1,19}$/.test(text) || BigInt(text) < 1n || BigInt(text) > REVISION_MAX) {
    throw new ValueTextError(
      "is no revision",
      "state the revision in force, as the history of the bale shows it",
    );
  }
  return BigInt(text).toString();
}

/** The name of an enum's value in capitals, with the prefix that the contract gives it. */
export function nameParser(prefix, names) {
  return (text) => {
    const name = text.toUpperCase();
    if (names.includes(name)) return `${prefix}${name}`;
    throw new ValueTextError("is not known", `write one of ${names.join(", ")}`);
  };
}

/** Ginning preparation (轧工质量): "P1", "P2", "P3" or the digit alone, as the enum's name. */
export function parsePreparation(text) {
  const digit = text.replace(/^P/i, "");
  if (!/^[123]$/.test(digit)) {
    throw new ValueTextError("is no ginning preparation", "write P1, P2 or P3");
  }
  return `PREPARATION_P${digit}`;
}

/** Whether foreign fibre (异性纤维) was found: "0" or "1". */
export function parseForeignFibre(text) {
  if (text !== "0" && text !== "1") {
    throw new ValueTextError("is neither 0 nor 1", "write 1 where foreign fibre was found, else 0");
  }
  return text === "1";
}

/** A crop year in four digits. */
export function parseCropYear(text) {
  const year = parseWhole(text);
  if (year < 1901 || year > 2999) {
    throw new ValueTextError("is not a year in four digits", "write it such as 2006");
  }
  return year;
}

/**
 * A time in ISO 8601 as seconds since 1970-01-01 UTC. Without an offset it is China time
 * (UTC+08:00); a date alone is its midnight.
 */
export function parseSeconds(text) {
  const match = MOMENT.exec(text);
  const fields = match?.slice(1, 7).map((each) => Number(each ?? 0));
  if (!match || !isMoment(fields)) {
    throw new ValueTextError(
      "is not a time",
      "write it in ISO 8601, such as 2016-11-20 or 2016-11-20T09:30:00+08:00",
    );
  }
  const [year, month, day, hour, minute, second] = fields;
  if (/[1-9]/.test(match[7] ?? "")) {
    throw new ValueTextError("has a fraction of a second", "state whole seconds");
  }
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - offsetS(match[8]);
  if (seconds <= 0) {
    throw new ValueTextError("lies before 1970", "leave it empty where the time is not known");
  }
  return seconds;
}

/** An identifier of exactly so many digits. */
export function digitsParser(digits) {
  return (text) => {
    if (text.length === digits && /^[0-9]+$/.test(text)) return text;
    const remedy = /[.eE]/.test(text)
      ? "a spreadsheet has rounded it: format the column as text and export again"
      : "write it as printed, without spaces";
    throw new ValueTextError(`is not ${digits} digits`, remedy);
  };
}

function signed(sign, number, remedy) {
  if (number > INT32_MAX) throw new ValueTextError("is too large", remedy);
  // Never the negative zero that JavaScript has.
  return sign === "-" && number !== 0 ? -number : number;
}

function notANumber(text, example) {
  if (/^[+-]*(nan|inf|infinity|n\/a|na|null|none|-)?$/i.test(text)) {
    return new ValueTextError("is not a number", "leave the value empty where there is none");
  }
  if (DECIMAL_COMMA.test(text)) {
    return new ValueTextError("has a decimal comma", "write a decimal point");
  }
  return new ValueTextError(
    "is not a number",
    `write digits with a decimal point, such as ${example}`,
  );
}

/** Whether the calendar and the clock have it; Date rolls 30 February over to March. */
function isMoment([year, month, day, hour, minute, second]) {
  const date = new Date(Date.UTC(year, month - 1, day));
  return (
    year > 0 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60
  );
}

function offsetS(text) {
  if (text === undefined) return CHINA_OFFSET_S;
  if (text === "Z") return 0;
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(text);
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}
