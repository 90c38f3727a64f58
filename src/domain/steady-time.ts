/**
 * Time of day that can be counted with. The wall clock says where to go, the monotonic one how fast: a step of the wall
 * clock is neither followed at once nor waited out.
 *
 * - Forward: steps of a second and less are followed. A larger one is believed when it has lasted for 30 s; until then time
 *   goes on at its pace, so a step that is taken back in between was never seen.
 * - Back, or from the start behind what was durable already: time goes on at half its pace until the wall clock has caught
 *   up. It never stands still and never goes back: what is to be in a second comes within two.
 */
interface Readings {
  wallMs(): number;
  monotonicMs(): number;
}

const followedMs = 1_000;
/** Monotonic. */
export const believedAfterMs = 30_000;
const catchUpPace = 0.5;

export class SteadyTime {
  readonly #readings: Readings;
  #atMs: number;
  #readMs: number;
  /** A step forward that is not believed yet: by how much the wall clock is before the monotonic one, and since when. */
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
      const isBelieved = wallMs - pacedMs <= followedMs || this.#hasLasted(wallMs - monotonicMs, monotonicMs);
      if (isBelieved) this.#step = undefined;
      this.#atMs = isBelieved ? wallMs : pacedMs;
    }
    return Math.floor(this.#atMs);
  }

  /** What was stamped before, by whichever clock, is not stamped over. */
  raise(atLeastMs: number): void {
    this.#atMs = Math.max(this.nowMs(), atLeastMs);
  }

  #hasLasted(offsetMs: number, monotonicMs: number): boolean {
    if (this.#step === undefined || Math.abs(this.#step.offsetMs - offsetMs) > followedMs) {
      this.#step = { offsetMs, sinceMs: monotonicMs };
    }
    return monotonicMs - this.#step.sinceMs >= believedAfterMs;
  }
}
