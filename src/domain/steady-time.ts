/**
 * A time of day that is safe to compute with. The wall clock gives the target and the monotonic clock gives the pace,
 * so a step of the wall clock is neither followed at once nor ignored.
 *
 * - Forward: steps of up to a second are followed at once. A larger step is followed only as far as it has lasted for
 *   30 s. Until then time continues at its own pace, so a step that is reverted meanwhile has no effect. A clock that
 *   is stepped forward again and again is followed too; a machine that is suspended for seconds at a time looks like
 *   that.
 * - Backward, or at a start behind a time that is already durable: time runs at half pace until the wall clock has
 *   caught up. It never stands still or goes back, and a delay takes at most twice as long.
 */
interface Readings {
  wallMs(): number;
  monotonicMs(): number;
}

const followedMs = 1_000;
/**
 * The most that a clock of the cluster may be ahead of another. A clock that is further ahead is not believed at all.
 */
export const clockAheadMaxMs = 7 * 24 * 3_600_000;
/** How long a large step must last, in monotonic ms. */
export const believedAfterMs = 30_000;
const catchUpPace = 0.5;

/** Derives a time of day from a wall clock and a monotonic clock. */
export class SteadyTime {
  readonly #readings: Readings;
  #atMs: number;
  #readMs: number;
  /**
   * A large step forward that is not believed yet: the smallest offset seen since `sinceMs` between wall clock and
   * monotonic clock.
   */
  #step: { readonly offsetMs: number; readonly sinceMs: number } | undefined;

  /**
   * Starts at `fromMs`, the time of someone who has watched the clock for longer. Default: the wall clock is believed.
   */
  constructor(readings: Readings, fromMs = readings.wallMs()) {
    this.#readings = readings;
    this.#atMs = fromMs;
    this.#readMs = readings.monotonicMs();
  }

  /** In whole ms. Never less than an earlier result. */
  nowMs(): number {
    const [wallMs, monotonicMs] = [this.#readings.wallMs(), this.#readings.monotonicMs()];
    const passedMs = Math.max(0, monotonicMs - this.#readMs);
    this.#readMs = monotonicMs;
    const pacedMs = this.#atMs + passedMs;
    if (wallMs <= pacedMs) {
      this.#step = undefined;
      this.#atMs = Math.max(wallMs, this.#atMs + passedMs * catchUpPace);
    } else {
      this.#atMs = pacedMs;
      if (wallMs - pacedMs > followedMs) this.#believeWhatLasted(wallMs - monotonicMs, monotonicMs);
      if (wallMs - this.#atMs <= followedMs) {
        this.#step = undefined;
        this.#atMs = wallMs;
      }
    }
    return Math.floor(this.#atMs);
  }

  /**
   * Moves time to at least `atLeastMs`, a time that some clock has already put on a record, so that new records are not
   * dated before it.
   */
  raise(atLeastMs: number): void {
    this.#atMs = Math.max(this.nowMs(), atLeastMs);
  }

  #believeWhatLasted(offsetMs: number, monotonicMs: number): void {
    const { offsetMs: leastMs, sinceMs } = this.#step ?? { offsetMs, sinceMs: monotonicMs };
    const lastedMs = Math.min(leastMs, offsetMs);
    const isBelieved = monotonicMs - sinceMs >= believedAfterMs;
    if (isBelieved) this.#atMs = Math.max(this.#atMs, lastedMs + monotonicMs);
    this.#step = isBelieved ? { offsetMs, sinceMs: monotonicMs } : { offsetMs: lastedMs, sinceMs };
  }
}
