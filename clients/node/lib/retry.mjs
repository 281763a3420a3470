/** When to come back, and when to give up. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How long an upload outlives a server that is not available. `patienceMs` is the time from the
 * first failure without any acknowledgement after which the error is raised, `patienceFirstMs` the
 * same before the server has ever answered, when a wrong address is likelier than a restart. Pauses
 * double from `pauseFirstMs` up to `pauseMaxMs`.
 */
export const UPLOAD_PATIENCE = Object.freeze({
  patienceMs: 120_000,
  patienceFirstMs: 5_000,
  pauseFirstMs: 100,
  pauseMaxMs: 2_000,
});

/** The patience of one upload. */
export class Patience {
  #policy;
  #answered = false;
  #attempt = 0;
  /** The first failure after which nothing was acknowledged; undefined before there is one. */
  #since;

  constructor(policy = UPLOAD_PATIENCE) {
    this.#policy = policy;
  }

  /** The server is there. That alone is no progress: it may open streams and store nothing. */
  heard() {
    this.#answered = true;
  }

  /** A batch was acknowledged. */
  renew() {
    this.#attempt = 0;
    this.#since = undefined;
  }

  /** Sleeps before the next attempt; raises the error when patience has run out. */
  async pause(error, onPause = () => {}) {
    const policy = this.#policy;
    this.#attempt += 1;
    // From the failure, not from the acknowledgement before it: the silence in which an answer is
    // taken for lost may be as long as patience is, and the batch is still to be sent again.
    this.#since ??= performance.now();
    const ceiling = Math.min(policy.pauseMaxMs, policy.pauseFirstMs * 2 ** this.#attempt);
    // Drawn at random, so that clients do not come back in step after a restart; on top of what
    // the server asks for, for it asks the same of all.
    const pauseMs = Math.random() * ceiling + (error.retryAfterMs ?? 0);
    const limitMs = this.#answered ? policy.patienceMs : policy.patienceFirstMs;
    if (performance.now() - this.#since + pauseMs > limitMs) throw error;
    onPause(error, pauseMs);
    await sleep(pauseMs);
  }
}
