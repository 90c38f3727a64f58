/**
 * How many runs a cell should hold beyond its threads, so that a thread never waits for the round trip to its node:
 * about `lookaheadMs` of work per thread by a moving average. Long runs get none, because what waits behind a long run
 * could be run elsewhere. Unknown durations count as long.
 *
 * It is refilled in bulk, when half of it is used up: one pull, one claim and one commit for many runs.
 */
export const lookAheadMaxRuns = 256;

/** Growing durations are believed sooner than shrinking ones: too much look-ahead hurts more than too little. */
const weightUp = 0.3;
const weightDown = 0.1;
const dispatchCostMs = 0.1;
/** Shorter waits are not worth a second trip. */
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

  /** A run waited too long: what runs now is longer than what ended so far. None until something ends. */
  forget(): void {
    this.#averageMs = undefined;
  }

  /** How long a run may wait for a thread before it is released. */
  get waitMaxMs(): number {
    return Math.max(waitMinMs, this.#lookaheadMs * 2);
  }

  /** How long outcomes may wait for company: the other half of the look-ahead feeds the threads meanwhile. */
  get gatherMs(): number {
    return Math.floor(this.#lookaheadMs / 2);
  }

  runs(): number {
    if (this.#averageMs === undefined) return 0;
    return Math.min(lookAheadMaxRuns, Math.floor((this.#lookaheadMs * this.#threads) / this.#averageMs));
  }

  /** Runs to take now, with `threads` up and `held` runs in them or ahead of them. */
  room(threads: number, held: number): number {
    const ahead = this.runs();
    const room = threads + ahead - held;
    return room * 2 < ahead ? 0 : Math.max(0, room);
  }
}
