/** A rate with bursts of one second: a bucket that fills at the rate and holds as much as comes in a second. */

const burstS = 1;

export class TokenBucket {
  #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * burstS;
    this.#atMs = nowMs;
  }

  /** Another rate from now on. What is in the bucket stays there, as far as it fits. */
  setRate(perSecond: number, nowMs: number): void {
    if (perSecond === this.#perSecond) return;
    this.#fill(nowMs);
    this.#perSecond = perSecond;
    this.#tokens = Math.min(this.#tokens, perSecond * burstS);
  }

  /** Takes one token. False if there is none. */
  take(nowMs: number): boolean {
    if (this.isEmpty(nowMs)) return false;
    this.#tokens -= 1;
    return true;
  }

  isEmpty(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens < 1;
  }

  /** What was taken and has not come back: 0 to the rate. */
  used(nowMs: number): number {
    this.#fill(nowMs);
    return this.#perSecond * burstS - this.#tokens;
  }

  /** A bucket that is full is as good as a new one. */
  isFull(nowMs: number): boolean {
    return this.used(nowMs) === 0;
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.#perSecond * burstS, this.#tokens + (passedMs * this.#perSecond) / 1_000);
  }
}
