/** Every error of the client: what happened, and what to do. */

/**
 * `reason` is a stable symbol for programs (the server's, where it answered), `remedy` says what to
 * do, `violations` are the fields at fault as `{field, description}`, `metadata` what the server
 * added. `retryAfterMs` is set where the server asks to come back later.
 */
export class CottonError extends Error {
  constructor(message, { reason, remedy, violations = [], metadata = {}, retryAfterMs } = {}) {
    super(message);
    this.name = new.target.name;
    this.reason = reason;
    this.remedy = remedy;
    this.violations = violations;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same may succeed when it is sent again. */
  get transient() {
    return this.retryAfterMs !== undefined;
  }
}

/** The command was not understood, or an option cannot work. */
export class UsageError extends CottonError {
  constructor(message, { reason = "USAGE", remedy = "See --help." } = {}) {
    super(message, { reason, remedy });
  }
}

/** A file cannot be read as readings: where (file, line, column, value), what is wrong, what to do. */
export class FileError extends CottonError {
  constructor(path, problem, remedy, { line, column, value, reason = "INVALID_FILE" } = {}) {
    let where = path;
    if (line !== undefined) where += `, line ${line}`;
    if (column !== undefined) where += `, column ${column}`;
    const shown = value === undefined ? "" : `${quoted(value)} `;
    super(`${where}: ${shown}${problem}`, { reason, remedy });
  }
}

/** The server cannot be reached, is stopping, did not answer in time, or the connection broke. */
export class Unavailable extends CottonError {
  constructor(message, details = {}) {
    super(message, {
      ...details,
      reason: details.reason ?? "UNAVAILABLE",
      remedy:
        details.remedy ??
        "Check the address and that the server runs, then send the file again: nothing is counted twice.",
    });
  }

  get transient() {
    return true;
  }
}

/**
 * An answer is not that of the oldest batch that waits: something between loses messages. Which batch
 * it belongs to is not guessed: the stream is ended, and what has no answer is sent again on another.
 */
export class OutOfStep extends Unavailable {
  constructor(message) {
    super(message, {
      reason: "OUT_OF_STEP",
      remedy:
        "Send the file again: nothing is counted twice. If it happens again, look at what stands " +
        "between this machine and the server.",
    });
  }
}

/** The server answered, and refused; nothing of the batch was kept. */
export class Refused extends CottonError {
  constructor(message, details = {}) {
    super(message, {
      ...details,
      reason: details.reason ?? "REFUSED",
      remedy: details.remedy ?? "Correct what is named and send the file again.",
    });
  }
}

/** The server answered what the contract does not allow. */
export class ContractViolation extends CottonError {
  constructor(message) {
    super(message, {
      reason: "CONTRACT_VIOLATION",
      remedy: "Check that the address is that of a cotton service and that versions agree.",
    });
  }
}

/** The text in quotes, at most 60 characters of it. */
export function quoted(text) {
  const characters = [...text];
  const cut = characters.slice(0, 60).join("");
  return `${JSON.stringify(cut)}${characters.length > 60 ? "…" : ""}`;
}
