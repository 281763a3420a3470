/** An upload: batches sent, acknowledged and counted, over as many connections as it takes. */
import { ContractViolation, CottonError } from "./errors.mjs";
import { Patience } from "./retry.mjs";
import { errorFromStatus } from "./status.mjs";
import { Totals } from "./totals.mjs";

export class Upload {
  totals = new Totals();
  #batches;
  #openStream;
  #producerId;
  #inFlightMax;
  #patience;
  #onIssues;
  #onPause;
  /** Batches whose answer has not come, oldest first, with how often each was sent. */
  #pending = [];
  #sourceEnded = false;
  #sourceError;

  /**
   * `batches`: as `batchesOf` gives them. `openStream()`: a new ReadingStream. At most `inFlightMax`
   * batches are in memory; the file is not read on until the oldest is acknowledged.
   */
  constructor({ batches, openStream, producerId, inFlightMax, patience, onIssues, onPause }) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#openStream = openStream;
    this.#producerId = producerId;
    this.#inFlightMax = inFlightMax;
    this.#patience = new Patience(patience);
    this.#onIssues = onIssues ?? (() => {});
    this.#onPause = onPause ?? (() => {});
  }

  /**
   * The totals, once every batch is acknowledged. An error of the file is raised after what stood
   * before it is acknowledged; an error of the server leaves the totals as they are by then.
   */
  async run() {
    for (;;) {
      try {
        await this.#overOneStream();
        break;
      } catch (error) {
        if (!(error instanceof CottonError) || !error.transient) throw error;
        await this.#patience.pause(error, this.#onPause);
      }
    }
    if (this.#sourceError !== undefined) throw this.#sourceError;
    return this.totals;
  }

  async #overOneStream() {
    const stream = this.#openStream();
    try {
      await stream.open(this.#producerId);
      this.#patience.heard();
      this.totals.streams += 1;
      for (const pending of this.#pending) await this.#send(stream, pending);
      for (;;) {
        while (this.#pending.length < this.#inFlightMax && (await this.#readOn())) {
          await this.#send(stream, this.#pending.at(-1));
        }
        if (this.#pending.length === 0) break;
        this.#settle(await stream.next());
        this.#patience.renew();
      }
      await stream.finish();
    } finally {
      stream.abandon();
    }
  }

  /** Takes the next batch into the pending ones; false at the end, or where the file is wrong. */
  async #readOn() {
    if (this.#sourceEnded) return false;
    try {
      const { value: batch, done } = await this.#batches.next();
      this.#sourceEnded = done;
      if (!done) this.#pending.push({ batch, sent: 0 });
    } catch (error) {
      this.#sourceEnded = true;
      this.#sourceError = error;
    }
    return !this.#sourceEnded;
  }

  async #send(stream, pending) {
    pending.sent += 1;
    await stream.send(pending.batch.message);
  }

  /** Counts the answer to the oldest batch; raises what refused it. */
  #settle(answer) {
    const [{ batch, sent }] = this.#pending;
    const said = answer[answer.response];
    // A refusal may lack the identity: it stands there "where it could be read".
    if (said?.identity !== undefined && said.batch_id !== batch.message.batch_id) {
      throw new ContractViolation("The server's answers are not in the order of sending.");
    }
    if (answer.response === "refused") {
      const error = errorFromStatus(said.status);
      error.message =
        `Batch ${batch.index + 1} (lines ${batch.lines[0]} to ${batch.lines.at(-1)}) ` +
        `was refused: ${error.message}`;
      throw error;
    }
    if (answer.response !== "result") {
      throw new ContractViolation("The server sent an answer that no batch asked for.");
    }
    const issues = this.totals.add(batch, said, sent);
    this.#pending.shift();
    this.#onIssues(issues);
  }
}
