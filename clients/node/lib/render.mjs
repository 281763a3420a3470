/** Issues, totals and errors as lines for a person, and as JSON for programs. */
import { OUTCOME_COUNTS } from "./totals.mjs";

/** One line of a bale that conflicts or was rejected. */
export function issueLine({ line, bale, outcome, field, rule, received, stored, limit, conflict_id }) {
  const what = `line ${line}: ${bale} `;
  const where = field === null ? "" : `${spaced(field)}: `;
  const had = `received ${received ?? "nothing"}`;
  if (outcome === "rejected") {
    const against = [spaced(rule ?? "refused"), limit].filter(Boolean).join(" ");
    return `${what}rejected, ${where}${had}, ${against}`;
  }
  const conflict = conflict_id === null ? "" : ` (conflict ${conflict_id})`;
  return `${what}conflicts, ${where}${had}, stored ${stored ?? "nothing"}${conflict}`;
}

/** What the upload came to, as lines. */
export function totalsLines(file, totals) {
  const counts = OUTCOME_COUNTS.map((name) => `${totals.counts[name]} ${name}`).join(" + ");
  const lines = [`${file}: ${totals.received} received = ${counts}`];
  const note = (count, text) => {
    if (count > 0) lines.push(`  ${text}: ${count}`);
  };
  note(totals.warned, "bales with an unlikely value");
  note(totals.unregistered, "bales without a registered lot so far");
  note(totals.repeatedBatches, "batches sent before, answered as they were first");
  note(totals.resentBatches, "batches sent again after a broken connection");
  lines.push(`  batches: ${totals.batches}, revision ${totals.revision}`);
  return lines;
}

/**
 * What the upload came to, for programs. `revision` is a string, as 64-bit numbers are in the JSON
 * form of protobuf; counts are numbers.
 */
export function totalsJson(file, totals) {
  return {
    file,
    revision: totals.revision.toString(),
    received: totals.received,
    ...totals.counts,
    warned: totals.warned,
    unregistered: totals.unregistered,
    batches: totals.batches,
    repeated_batches: totals.repeatedBatches,
    resent_batches: totals.resentBatches,
    streams: totals.streams,
    issues: totals.issues,
  };
}

/** What happened, the fields at fault, and what to do, as lines. */
export function errorLines(error) {
  return [
    `Error (${error.reason}): ${error.message}`,
    ...error.violations.map(({ field, description }) => `  ${field}: ${description}`),
    `What to do: ${error.remedy}`,
  ];
}

/** An error for programs: the form of docs/cli.md. */
export function errorJson({ reason, message, remedy, violations, metadata }) {
  const error = { reason, message, remedy };
  if (violations.length > 0) error.violations = violations;
  if (Object.keys(metadata).length > 0) error.metadata = metadata;
  return { error };
}

function spaced(name) {
  return name.replaceAll("_", " ");
}
