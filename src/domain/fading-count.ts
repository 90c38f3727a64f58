/**
 * Counts what happened in the last five minutes, about: an event loses weight by a factor of e every `fadeMs`. Counts of
 * several can be added. If the clock of the caller steps back, the count does not fade until the clock has caught up.
 */
const fadeMs = 300_000;
/** Less than this counts as nothing: a single event is forgotten after some 15 minutes. */
const coldCount = 0.05;

export class FadingCount {
  #count = 0;
  #atMs = 0;

  add(nowMs: number): void {
    this.#count = this.about(nowMs) + 1;
    this.#atMs = Math.max(this.#atMs, nowMs);
  }

  about(nowMs: number): number {
    const count = this.#count * Math.exp(-Math.max(0, nowMs - this.#atMs) / fadeMs);
    return count < coldCount ? 0 : count;
  }
}
