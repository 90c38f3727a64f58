/**
 * Measures how often something happens per second, with exponential fading: an event loses weight by a factor of e
 * every `fadeMs`.
 * Rates of several meters can be added. The caller passes the time. If its clock steps back, the meter does not fade
 * until the clock has caught up.
 */
const fadeMs = 60_000;
/**
 * A younger meter is treated as if it had run for this long, so that a single event does not read as thousands per
 * second.
 */
const youngestMs = 1_000;
/** Less than this counts as zero, so that a single event is forgotten after about five minutes. */
const coldWeight = 0.01;

/** Counts events and reports their rate. All times come from the same clock. */
export class RateMeter {
  #weight = 0;
  #atMs = 0;
  #sinceMs = 0;

  add(nowMs: number, count = 1): void {
    this.#fade(nowMs);
    if (this.#weight === 0) this.#sinceMs = this.#atMs;
    this.#weight += count;
  }

  perSecond(nowMs: number): number {
    this.#fade(nowMs);
    if (this.#weight === 0) return 0;
    const watchedMs = Math.max(youngestMs, this.#atMs - this.#sinceMs);
    // The weight that a steady rate of one event per ms would have accumulated in the observed time.
    const gatheredMs = fadeMs * (1 - Math.exp(-watchedMs / fadeMs));
    return (1_000 * this.#weight) / gatheredMs;
  }

  /** True if everything has faded. */
  isCold(nowMs: number): boolean {
    this.#fade(nowMs);
    return this.#weight === 0;
  }

  #fade(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = nowMs;
    if (this.#weight === 0) return;
    this.#weight *= Math.exp(-passedMs / fadeMs);
    if (this.#weight < coldWeight) this.#weight = 0;
  }
}
