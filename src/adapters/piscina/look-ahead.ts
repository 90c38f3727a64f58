/**
 * How many runs beyond the free threads a cell should hold, so that a thread never waits for the round trip to its
 * node: about `lookaheadMs` of work per thread by a moving average, and still one run as long as some thread can be
 * expected to be free for it within four times that. Long runs get none, because what waits behind a long run could be
 * run elsewhere. Unknown durations count as long.
 */
export const lookAheadMaxRuns = 256;

/** Growing durations are believed sooner than shrinking ones: too much look-ahead hurts more than too little. */
const weightUp = 0.3;
const weightDown = 0.1;
const dispatchCostMs = 0.1;
/** Of a run that is the only one ahead, against `lookaheadMs`. */
const patience = 4;
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

  /** How long a run may wait for a thread before it is given back. */
  get waitMaxMs(): number {
    return Math.max(waitMinMs, this.#lookaheadMs * patience);
  }

  runs(): number {
    if (this.#averageMs === undefined) return 0;
    const runs = (this.#lookaheadMs * this.#threads) / this.#averageMs;
    return runs * patience < 1 ? 0 : Math.min(lookAheadMaxRuns, Math.ceil(runs));
  }
}
