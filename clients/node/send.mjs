#!/usr/bin/env node
/** Streams a CSV file of readings to the service and prints what became of every bale. */
import grpc from "@grpc/grpc-js";

import { batchesOf } from "./lib/batches.mjs";
import { HELP, readCommand } from "./lib/command.mjs";
import { IngestService } from "./lib/contract.mjs";
import { CottonError, FileError, Refused, Unavailable, UsageError } from "./lib/errors.mjs";
import { readReadings } from "./lib/readings.mjs";
import { errorJson, errorLines, issueLine, totalsJson, totalsLines } from "./lib/render.mjs";
import { ReadingStream } from "./lib/stream.mjs";
import { Upload } from "./lib/upload.mjs";

/** Exit codes: those of the command `cotton`, docs/cli.md. */
const EXIT = {
  OK: 0,
  UNEXPECTED: 1,
  USAGE: 2,
  BAD_INPUT: 3,
  REFUSED: 4,
  UNAVAILABLE: 5,
  INCOMPLETE: 6,
  INTERRUPTED: 130,
};

const CHANNEL_OPTIONS = {
  // A dead peer is noticed within 30 s; servers allow a ping every 10 s during a call.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // The pauses between attempts are those of Patience; the channel's own only have to be shorter.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // Repeats are made by Upload, where it is known what was acknowledged.
  "grpc.enable_retries": 0,
};

const say = (lines) => process.stdout.write(lines.map((line) => `${line}\n`).join(""));
const tell = (lines) => process.stderr.write(lines.map((line) => `${line}\n`).join(""));

async function main(args) {
  // The form of an error that is found before the options are understood.
  let asJson = args.includes("--json");
  let upload;
  const fail = (error, code) => {
    const known = explained(error);
    if (upload !== undefined) known.metadata.bales_acknowledged = String(upload.totals.received);
    tell(asJson ? [JSON.stringify(errorJson(known))] : errorLines(known));
    return code;
  };
  try {
    const settings = readCommand(args, process.env);
    if (settings.help) {
      process.stdout.write(HELP);
      return EXIT.OK;
    }
    asJson = settings.asJson;
    const client = new IngestService(
      settings.server,
      grpc.credentials.createInsecure(),
      CHANNEL_OPTIONS,
    );
    upload = new Upload({
      batches: batchesOf(readReadings(settings.file), settings.batchBales),
      openStream: () => new ReadingStream(client, settings.server),
      producerId: settings.producerId,
      inFlightMax: settings.inFlightMax,
      onIssues: (issues) => asJson || say(issues.map(issueLine)),
      onPause: (error, pauseMs) =>
        asJson || tell([`${error.message} Trying again in ${(pauseMs / 1000).toFixed(1)} s.`]),
    });
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => process.exit(fail(interrupted(), EXIT.INTERRUPTED)));
    }
    try {
      const totals = await upload.run();
      if (asJson) say([JSON.stringify(totalsJson(settings.file, totals), null, 2)]);
      else say(totalsLines(settings.file, totals));
      return totals.complete ? EXIT.OK : EXIT.INCOMPLETE;
    } finally {
      client.close();
    }
  } catch (error) {
    return fail(error, exitOf(error));
  }
}

function interrupted() {
  return new CottonError("Interrupted.", {
    reason: "INTERRUPTED",
    remedy: "Send the file again: nothing is counted twice.",
  });
}

/** The error itself, or one that says of it what a user needs. */
function explained(error) {
  if (error instanceof CottonError) return error;
  return new CottonError(`Unexpected ${error.name}: ${error.message}`, {
    reason: "UNEXPECTED",
    remedy: "Send the file again, and report it if it stays.",
  });
}

function exitOf(error) {
  if (error instanceof UsageError) return EXIT.USAGE;
  if (error instanceof FileError || error.reason === "MESSAGE_TOO_LARGE") return EXIT.BAD_INPUT;
  if (error instanceof Unavailable) return EXIT.UNAVAILABLE;
  if (error instanceof Refused) return EXIT.REFUSED;
  return EXIT.UNEXPECTED;
}

process.exitCode = await main(process.argv.slice(2));
