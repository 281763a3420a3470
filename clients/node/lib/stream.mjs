/** One AppendReadings stream: batches go out, answers come back in the same order. */
import { once } from "node:events";

import { ContractViolation, Unavailable } from "./errors.mjs";
import { errorFromCall, errorFromStatus } from "./status.mjs";

/** How long the server may leave a batch unanswered: a commit takes milliseconds, a full queue seconds. */
export const ANSWER_MS_MAX = 60_000;

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
    this.#call = client.AppendReadings();
    // Failures are raised by whoever waits; an event that nobody hears would end the process.
    this.#call.on("error", () => {});
    this.#over = once(this.#call, "status");
    this.#over.catch(() => {});
    this.#answers = this.#call[Symbol.asyncIterator]();
  }

  /** Says who sends, and hears where the producer stands: `{producer_id, next_sequence}`. */
  async open(producerId) {
    await this.#send({ open: { producer_id: producerId } });
    const answer = await this.next();
    if (answer.response === "refused") throw errorFromStatus(answer.refused.status);
    if (answer.response !== "opened") {
      throw new ContractViolation("The server did not answer the opening of a stream.");
    }
    return answer.opened;
  }

  /** Sends a batch, once the connection takes it: a server that does not read holds this up. */
  async send(batch) {
    await this.#send({ batch });
  }

  /** The next answer; raises what ended the stream. */
  async next() {
    const { value, done } = await this.#timed(this.#answers.next());
    if (done) {
      throw new Unavailable(`The server at ${this.#server} ended the stream before it had answered.`);
    }
    return value;
  }

  /** Ends the stream in order; to be called when everything is answered. */
  async finish() {
    this.#call.end();
    const { done } = await this.#timed(this.#answers.next());
    if (!done) throw new ContractViolation("The server sent an answer that no batch asked for.");
  }

  /** Ends the stream at once. */
  abandon() {
    this.#call.cancel();
  }

  async #send(request) {
    if (this.#call.write(request)) return;
    // A call that ends drains no more; what ended it is raised by the next answer.
    await this.#timed(Promise.race([once(this.#call, "drain"), this.#over]));
  }

  async #timed(promise) {
    const timer = setTimeout(() => {
      this.#timedOut = true;
      this.#call.cancel();
    }, this.#answerMsMax);
    try {
      return await promise;
    } catch (error) {
      if (this.#timedOut) {
        throw new Unavailable(
          `The server at ${this.#server} did not answer within ${this.#answerMsMax / 1000} s.`,
          { reason: "DEADLINE_EXCEEDED" },
        );
      }
      throw errorFromCall(error, this.#server);
    } finally {
      clearTimeout(timer);
    }
  }
}
