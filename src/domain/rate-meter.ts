/**
 * How often something happens per second, counted with a memory that fades: what happened `fadeMs` ago counts 1/e. Rates of
 * several meters add up. The caller's clock is handed in; when it steps back the meter stands still.
 */
const fadeMs = 60_000;
/** A young meter is read as if it had watched for so long, so that one event is not a rate of thousands. */
const youngestMs = 1_000;
/** Less than this is nothing: one event is forgotten after about five minutes. */
const coldWeight = 0.01;

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
    // What a steady rate of one per ms would have gathered in the time watched.
    const gatheredMs = fadeMs * (1 - Math.exp(-watchedMs / fadeMs));
    return (1_000 * this.#weight) / gatheredMs;
  }

  /** Nothing has happened for so long that it remembers nothing. */
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
