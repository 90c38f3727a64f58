/** How many frames of a kind one connection may send: a burst, then a rate. */

export interface FrameRate {
  readonly burst: number;
  readonly perSecond: number;
}

export class FrameQuota {
  readonly #rate: FrameRate;
  #left: number;
  #atMs: number;

  constructor(rate: FrameRate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#atMs = nowMs;
  }

  /** Counts a frame. False if it is one too many. */
  take(nowMs: number): boolean {
    const { burst, perSecond } = this.#rate;
    const refilled = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1_000) * perSecond);
    this.#atMs = nowMs;
    this.#left = Math.max(0, refilled - 1);
    return refilled >= 1;
  }

  refill(): void {
    this.#left = this.#rate.burst;
  }
}
