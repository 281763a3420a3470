/** What a google.rpc.Status says, as an error: the one place that maps the server's errors. */
import grpc from "@grpc/grpc-js";

import { decodeStatus, messageType } from "./contract.mjs";
import { Refused, Unavailable } from "./errors.mjs";

const DETAILS_KEY = "grpc-status-details-bin";

const UNAVAILABLE_CODES = new Set([
  grpc.status.UNAVAILABLE,
  grpc.status.CANCELLED,
  grpc.status.DEADLINE_EXCEEDED,
]);

/** Reasons for which coming back would be wrong, whatever the code: another stream took over. */
const FINAL_REASONS = new Set(["STREAM_REPLACED"]);

/**
 * The error that a decoded google.rpc.Status stands for.
 *
 * Reason and metadata come from ErrorInfo (`metadata.remedy` is what to do), violations from
 * BadRequest, the pause from RetryInfo. Details of other types are left.
 */
export function errorFromStatus(status) {
  const details = { violations: [] };
  for (const { type_url: typeUrl, value } of status.details) {
    const fullName = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
    const type = messageType(fullName);
    if (type === undefined) continue;
    const detail = type.deserialize(value);
    if (fullName === "google.rpc.ErrorInfo") {
      const { remedy, ...metadata } = detail.metadata;
      Object.assign(details, { reason: detail.reason || undefined, remedy, metadata });
    } else if (fullName === "google.rpc.BadRequest") {
      details.violations = detail.field_violations.map(({ field, description }) => ({
        field,
        description,
      }));
    } else if (fullName === "google.rpc.RetryInfo") {
      details.retryAfterMs = milliseconds(detail.retry_delay);
    }
  }
  // The message is for callers that read nothing else, so it ends with the remedy.
  let message = status.message;
  if (details.remedy && message.endsWith(details.remedy)) {
    message = message.slice(0, -details.remedy.length).trim();
  }
  message ||= `The server answered ${grpc.status[status.code] ?? status.code}.`;
  if (FINAL_REASONS.has(details.reason)) {
    return new Refused(message, { ...details, retryAfterMs: undefined });
  }
  const Kind = UNAVAILABLE_CODES.has(status.code) ? Unavailable : Refused;
  return new Kind(message, details);
}

/** The error of a call that failed at `server`, as @grpc/grpc-js raises it. */
export function errorFromCall(error, server) {
  const packed = error.metadata?.get(DETAILS_KEY)?.[0];
  if (packed !== undefined) return errorFromStatus(decodeStatus(packed));
  // Without details the text is gRPC's own: of the connection, or of a server that is none of ours.
  const said = error.details ?? error.message;
  const broken = error.code === grpc.status.INTERNAL && said.startsWith("Received RST_STREAM");
  if (broken || UNAVAILABLE_CODES.has(error.code)) {
    return new Unavailable(`The server at ${server} is not available: ${sentence(said)}`);
  }
  return new Refused(sentence(said), { reason: grpc.status[error.code] });
}

function milliseconds({ seconds, nanos }) {
  return Number(seconds) * 1000 + nanos / 1e6;
}

function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
