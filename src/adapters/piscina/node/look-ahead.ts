/**
 * How many runs a cell should hold beyond its threads, so that a thread never waits for the round trip to its node:
 * about `lookaheadMs` of work per thread, by a moving average. Long runs get no look-ahead, because a run that waits
 * behind a long one could run elsewhere. Unknown durations count as long.
 *
 * The look-ahead is refilled in bulk when half of it is used up, so that many runs share one pull, one claim and one
 * commit.
 */
export const lookAheadMaxRuns = 256;

/**
 * Growing durations are believed sooner than shrinking ones, because too much look-ahead hurts more than too little.
 */
const weightUp = 0.3;
const weightDown = 0.1;
const dispatchCostMs = 0.1;
/** A shorter wait is not worth a second round trip. */
const waitMinMs = 100;

export class LookAhead {
  readonly #threads: number;
  readonly #lookaheadMs: number;
  #averageMs: number | undefined;

  constructor(options: { readonly threads: number; readonly lookaheadMs: number }) {
    this.#threads = options.threads;
    this.#lookaheadMs = options.lookaheadMs;
  }

  observe(durationMs: number): void {
    const costMs = durationMs + dispatchCostMs;
    this.#averageMs ??= costMs;
    this.#averageMs += (costMs - this.#averageMs) * (costMs > this.#averageMs ? weightUp : weightDown);
  }

  /**
   * Call this when a run waited too long: the present runs take longer than those that ended so far. There is no
   * look-ahead until another run ends.
   */
  forget(): void {
    this.#averageMs = undefined;
  }

  /** How long a run may wait for a thread before it is released. */
  get waitMaxMs(): number {
    return Math.max(waitMinMs, this.#lookaheadMs * 2);
  }

  /** How long outcomes may be held back. Meanwhile the other half of the look-ahead feeds the threads. */
  get gatherMs(): number {
    return Math.floor(this.#lookaheadMs / 2);
  }

  runs(): number {
    if (this.#averageMs === undefined) return 0;
    return Math.min(lookAheadMaxRuns, Math.floor((this.#lookaheadMs * this.#threads) / this.#averageMs));
  }

  /** How many runs to take now, with `threads` up and `held` runs in them or waiting for them. */
  room(threads: number, held: number): number {
    const ahead = this.runs();
    const room = threads + ahead - held;
    return room * 2 < ahead ? 0 : Math.max(0, room);
  }
}
