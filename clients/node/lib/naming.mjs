/** Names that a call carries, so that it is found again in the log of the service. */
import { randomBytes } from "node:crypto";

import grpc from "@grpc/grpc-js";

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** The trace of this process: that of the variable TRACEPARENT, or one of its own. */
const [, TRACE_ID, FLAGS] = TRACEPARENT.exec(process.env.TRACEPARENT ?? "") ?? [
  "",
  randomBytes(16).toString("hex"),
  "00",
];

/** Metadata of one more call: a request id of its own, and its place in the trace. */
export function callNames() {
  const metadata = new grpc.Metadata();
  metadata.set("x-request-id", randomBytes(16).toString("hex"));
  metadata.set("traceparent", `00-${TRACE_ID}-${randomBytes(8).toString("hex")}-${FLAGS}`);
  return metadata;
}
