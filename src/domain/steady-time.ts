/**
 * Time of day that can be counted with. The wall clock says where to go, the monotonic one how fast: a step of the wall
 * clock is neither followed at once nor waited out.
 *
 * - Forward: steps of a second and less are followed. Of a larger one so much is believed as has lasted for 30 s; until then
 *   time goes on at its pace, so a step that is taken back in between was never seen. A clock that is stepped forward again
 *   and again, as in a machine that is stopped for seconds at a time, is followed as well.
 * - Back, or from the start behind what was durable already: time goes on at half its pace until the wall clock has caught
 *   up. It never stands still and never goes back: what is to be in a second comes within two.
 */
interface Readings {
  wallMs(): number;
  monotonicMs(): number;
}

const followedMs = 1_000;
/** A clock of the cluster is no further ahead of another one than this, or nothing of it is believed. */
export const clockAheadMaxMs = 7 * 24 * 3_600_000;
/** Monotonic. */
export const believedAfterMs = 30_000;
const catchUpPace = 0.5;

export class SteadyTime {
  readonly #readings: Readings;
  #atMs: number;
  #readMs: number;
  /** A step forward that is not believed yet: by how much the wall clock was before the monotonic one at least, and since when. */
  #step: { readonly offsetMs: number; readonly sinceMs: number } | undefined;

  /** `fromMs`: of who has watched the clock for longer. Absent: what the wall clock says is believed. */
  constructor(readings: Readings, fromMs = readings.wallMs()) {
    this.#readings = readings;
    this.#atMs = fromMs;
    this.#readMs = readings.monotonicMs();
  }

  /** Whole ms. Never less than before. */
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

  /** What was stamped before, by whichever clock, is not stamped over. */
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
