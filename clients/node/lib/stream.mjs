/** One AppendReadings stream: batches go out, answers come back in the same order. */
import { once } from "node:events";

import { callNames } from "./naming.mjs";
import { ContractViolation, OutOfStep, Unavailable } from "./errors.mjs";
import { errorFromCall, errorFromStatus } from "./status.mjs";

/** Silence after which an answer is taken for lost: servers queue less than they write in that. */
export const ANSWER_MS_MAX = 120_000;

/** How long an opening may take: a server waits at most for what the producer's last stream left. */
const OPEN_MS_MAX = 30_000;

/** The refusal of an opening that came twice: no batch goes out before the stream is open. */
const NOT_OF_A_BATCH = "STREAM_NOT_OPENED";

export class ReadingStream {
  #call;
  #answers;
  #over;
  #server;
  #answerMsMax;
  #timedOut = false;

  /** Starts the call; `server` is for the texts of errors. */
  constructor(client, server, answerMsMax = ANSWER_MS_MAX) {
    this.#server = server;
    this.#answerMsMax = answerMsMax;
    this.#call = client.AppendReadings(callNames());
    // Failures are raised by whoever waits; an event that nobody hears would end the process.
    this.#call.on("error", () => {});
    this.#over = once(this.#call, "status");
    this.#over.catch(() => {});
    this.#answers = this.#call[Symbol.asyncIterator]();
  }

  /** Says who sends, and hears where the producer stands: `{producer_id, next_sequence}`. */
  async open(producerId) {
    const limitMs = Math.min(this.#answerMsMax, OPEN_MS_MAX);
    await this.#send({ open: { producer_id: producerId } }, limitMs);
    const answer = await this.#answer(limitMs);
    const said = answer[answer.response];
    if (answer.response === "result" || said?.identity !== undefined) {
      throw new OutOfStep("The server answered a batch before the opening of the stream.");
    }
    if (answer.response === "refused") throw errorFromRefusal(said);
    if (answer.response !== "opened") {
      throw new ContractViolation("The server did not answer the opening of a stream.");
    }
    return said;
  }

  /** Sends a batch, once the connection takes it: a server that does not read holds this up. */
  async send(batch) {
    await this.#send({ batch }, this.#answerMsMax);
  }

  /**
   * The answer to the batch with that id, the oldest that waits: `{result}`, or `{refusal, named}`
   * with an error, and whether it names the batch. Raises OutOfStep for any other answer, and what
   * ended the stream, as silence does: the time runs during this call, made while a batch waits.
   */
  async next(batchId) {
    const answer = await this.#answer(this.#answerMsMax);
    if (answer.response === undefined) {
      throw new ContractViolation("The server sent an answer that says nothing.");
    }
    if (answer.response === "opened") {
      throw new OutOfStep("The server sent an answer that no batch asked for.");
    }
    const said = answer[answer.response];
    if (said.identity === undefined && answer.response === "result") {
      throw new ContractViolation("The server's answer to a batch carries no sequence and no id.");
    }
    // A refusal may lack the identity: it stands there "where it could be read".
    if (said.identity !== undefined && said.batch_id !== batchId) {
      throw new OutOfStep("The server's answers are not in the order of sending.");
    }
    if (answer.response === "result") return { result: said };
    return { refusal: errorFromRefusal(said), named: said.identity !== undefined };
  }

  /** Ends the stream in order; to be called when everything is answered. */
  async finish() {
    this.#call.end();
    const { done } = await this.#timed(this.#answers.next(), this.#answerMsMax);
    if (!done) throw new OutOfStep("The server sent an answer that no batch asked for.");
  }

  /** Ends the stream at once. */
  abandon() {
    this.#call.cancel();
  }

  async #send(request, limitMs) {
    if (this.#call.write(request)) return;
    // A call that ends drains no more; what ended it is raised by the next answer.
    await this.#timed(Promise.race([once(this.#call, "drain"), this.#over]), limitMs);
  }

  /** The next answer, whatever it says; raises what ended the stream. */
  async #answer(limitMs) {
    const { value, done } = await this.#timed(this.#answers.next(), limitMs);
    if (done) {
      throw new Unavailable(`The server at ${this.#server} ended the stream before it had answered.`);
    }
    return value;
  }

  async #timed(promise, limitMs) {
    const timer = setTimeout(() => {
      this.#timedOut = true;
      this.#call.cancel();
    }, limitMs);
    try {
      return await promise;
    } catch (error) {
      if (this.#timedOut) {
        throw new Unavailable(
          `The server at ${this.#server} did not answer within ${limitMs / 1000} s.`,
          { reason: "DEADLINE_EXCEEDED" },
        );
      }
      throw errorFromCall(error, this.#server);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The error of a refusal; raises OutOfStep where it is that of a second opening, of no batch. */
function errorFromRefusal({ status }) {
  const error = errorFromStatus(status);
  if (error.reason === NOT_OF_A_BATCH) {
    throw new OutOfStep("The server heard the opening of a stream twice.");
  }
  return error;
}
