/**
 * How many logins a gateway answers. Whoever reaches NATS can ask for one, without any credential, and opening and sealing each
 * request takes some milliseconds of the thread that serves all calls.
 */
import type { Clock } from '../../application/ports/runtime.ts';

const perSecond = 25;
const burst = 64;

export class LoginPace {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #left = burst;
  #atMs: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  /** Whether one more is answered now. */
  takes(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1_000) * perSecond);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
