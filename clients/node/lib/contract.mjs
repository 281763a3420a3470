/**
 * The contract, loaded from the protos themselves: nothing is generated, so nothing is out of step.
 *
 * Messages are plain objects with the names of the protos. 64-bit numbers are strings, for a
 * JavaScript number holds 53 bits; enums are their names; a oneof has a field of its name that
 * says which of it is set.
 */
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const PACKAGE = "cotton.inspection.v1";

const definitions = protoLoader.loadSync(
  ["cotton/inspection/v1/ingest.proto", "google/rpc/error_details.proto"],
  {
    includeDirs: [
      fileURLToPath(new URL("../../../proto", import.meta.url)),
      fileURLToPath(new URL("../protos", import.meta.url)),
    ],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  },
);

const packages = grpc.loadPackageDefinition(definitions);

/** The client of IngestService, and its definition for whoever serves it. */
export const IngestService = packages.cotton.inspection.v1.IngestService;

/** The bytes of a ReadingBatch. */
export const encodeBatch = definitions[`${PACKAGE}.ReadingBatch`].serialize;

/** The bytes of an AppendReadingsRequest. */
export const encodeRequest = definitions[`${PACKAGE}.AppendReadingsRequest`].serialize;

/** `{code, message, details}` of the bytes of a google.rpc.Status. */
export const decodeStatus = definitions["google.rpc.Status"].deserialize;

/** The bytes of a google.rpc.Status. */
export const encodeStatus = definitions["google.rpc.Status"].serialize;

/** The names of an enum of the contract without their prefix, UNSPECIFIED left out. */
export function enumNames(name, prefix) {
  return definitions[`${PACKAGE}.${name}`].type.value
    .map((each) => each.name.slice(prefix.length))
    .filter((each) => each !== "UNSPECIFIED");
}

/** What encodes and decodes a message of google.rpc by its full name; undefined if unknown. */
export function messageType(fullName) {
  return Object.hasOwn(definitions, fullName) ? definitions[fullName] : undefined;
}
