/** What became of every bale of an upload. */
import { ContractViolation } from "./errors.mjs";

/** One outcome a bale: together they are the bales received. */
export const OUTCOME_COUNTS = [
  "created",
  "existing",
  "conflicting",
  "rejected",
  "superseded",
  "corrected",
  "retested",
];

/** Bales that conflict or were rejected which are kept for the end; all are counted. */
const ISSUES_MAX = 1000;

export class Totals {
  batches = 0;
  received = 0;
  counts = Object.fromEntries(OUTCOME_COUNTS.map((name) => [name, 0]));
  /** Bales with an unlikely value, and bales whose lot is not registered so far. */
  warned = 0;
  unregistered = 0;
  /** Batches stored by an earlier upload of the same content; counted by their first answer. */
  repeatedBatches = 0;
  /** Batches sent more than once because a connection broke. */
  resentBatches = 0;
  /** Streams opened. */
  streams = 0;
  /** The latest revision at which a batch was stored; 64 bits. */
  revision = 0n;
  issues = [];

  /** Whether every bale is stored as it was sent. */
  get complete() {
    return this.counts.conflicting === 0 && this.counts.rejected === 0;
  }

  /** Counts the answer to a batch that was sent `sent` times; gives the bales at issue. */
  add(batch, result, sent) {
    const { outcome } = result;
    const accounted = OUTCOME_COUNTS.reduce((sum, name) => sum + outcome[name], 0);
    if (outcome.received !== batch.lines.length || accounted !== outcome.received) {
      throw new ContractViolation(
        `The server accounts for ${accounted} of ${outcome.received} bales received; ` +
          `${batch.lines.length} were sent.`,
      );
    }
    this.batches += 1;
    this.received += outcome.received;
    for (const name of OUTCOME_COUNTS) this.counts[name] += outcome[name];
    this.warned += outcome.warned;
    this.unregistered += outcome.unregistered;
    if (result.repeated_batch && sent === 1) this.repeatedBatches += 1;
    if (sent > 1) this.resentBatches += 1;
    const revision = BigInt(result.revision);
    if (revision > this.revision) this.revision = revision;
    const issues = outcome.outcomes.filter(isIssue).map((each) => issueOf(batch, each));
    this.issues.push(...issues.slice(0, ISSUES_MAX - this.issues.length));
    return issues;
  }
}

/** The name of an enum's value in lower case without its prefix; null for unspecified. */
function word(name, prefix) {
  // A value that this contract does not know yet arrives as its number.
  if (typeof name !== "string") return String(name);
  const bare = name.slice(prefix.length).toLowerCase();
  return bare === "unspecified" ? null : bare;
}

function isIssue({ outcome }) {
  return (
    outcome === "OUTCOME_REJECTED" ||
    (typeof outcome === "string" && outcome.startsWith("OUTCOME_EXISTS_WITH_DIFFERENT_"))
  );
}

function issueOf(batch, each) {
  return {
    record: batch.firstRecord + each.row,
    line: batch.lines[each.row],
    bale: each.bale,
    outcome: word(each.outcome, "OUTCOME_"),
    field: word(each.field, "FIELD_"),
    rule: word(each.rule, "RULE_"),
    received: each.received || null,
    stored: each.stored || null,
    limit: each.limit || null,
    conflict_id: each.conflict_id || null,
  };
}
