/**
 * Notices that the thread answers nothing although something was asked: a disk that never returns from a sync, a thread
 * that hangs. Time is counted in ticks of this process, so that one which was stopped or starved itself does not blame
 * the thread: messages that arrived meanwhile are read between two ticks.
 */
import type { Clock } from '../../../application/ports/runtime.ts';

const ticks = 10;

export class AnswerWatch {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #onSilent: () => void;
  #silentTicks = 0;
  #isExpecting = false;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, silenceMaxMs: number, onSilent: () => void) {
    this.#clock = clock;
    this.#tickMs = silenceMaxMs / ticks;
    this.#onSilent = onSilent;
  }

  /** An answer is due. */
  expect(): void {
    this.#isExpecting = true;
    this.#cancel ??= this.#clock.setTimer(this.#tickMs, this.#tick);
  }

  /** An answer came. */
  heard(expectsMore: boolean): void {
    this.#silentTicks = 0;
    this.#isExpecting = expectsMore;
  }

  /** The next answer may take so much longer. */
  allow(moreMs: number): void {
    this.#silentTicks = Math.min(this.#silentTicks, 0) - Math.ceil(moreMs / this.#tickMs);
  }

  close(): void {
    this.#isExpecting = false;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #tick = (): void => {
    this.#cancel = undefined;
    if (!this.#isExpecting) return;
    this.#silentTicks += 1;
    if (this.#silentTicks > ticks) this.#onSilent();
    else this.expect();
  };
}
