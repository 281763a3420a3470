/** An upload: batches sent, acknowledged and counted, over as many connections as it takes. */
import { CottonError } from "./errors.mjs";
import { Patience } from "./retry.mjs";
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
        this.#settle(await stream.next(this.#pending[0].batch.message.batch_id));
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
  #settle({ result, refusal, named }) {
    const [{ batch, sent }] = this.#pending;
    if (refusal !== undefined) {
      // One that names no batch may be that of any that waits: an answer before it may be lost.
      const { batch: last } = this.#pending.at(named ? 0 : -1);
      const which =
        last === batch
          ? `Batch ${batch.index + 1}`
          : `One of batches ${batch.index + 1} to ${last.index + 1}`;
      refusal.message =
        `${which} (lines ${batch.lines[0]} to ${last.lines.at(-1)}) was refused: ${refusal.message}`;
      throw refusal;
    }
    const issues = this.totals.add(batch, result, sent);
    this.#pending.shift();
    this.#onIssues(issues);
  }
}
