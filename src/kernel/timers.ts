/**
 * The timers of one incarnation, one per key.
 * A timer may be replaced or cancelled after it has fired but before its message is handled. `take` compares
 * identities, so that such a message is dropped.
 */
import type { Clock } from '../application/ports/runtime.ts';

export interface KeyedTimer<M> {
  readonly key: string;
  readonly message: M;
}

export interface TimerSink<M> {
  timerFired(timer: KeyedTimer<M>): void;
}

export class KeyedTimers<M> {
  readonly #clock: Clock;
  readonly #sink: TimerSink<M>;
  readonly #timers = new Map<string, { readonly timer: KeyedTimer<M>; readonly cancel: () => void }>();

  constructor(clock: Clock, sink: TimerSink<M>) {
    this.#clock = clock;
    this.#sink = sink;
  }

  set(key: string, delayMs: number, message: M): void {
    this.cancel(key);
    const timer: KeyedTimer<M> = { key, message };
    const cancel = this.#clock.setTimer(delayMs, () => {
      this.#sink.timerFired(timer);
    });
    this.#timers.set(key, { timer, cancel });
  }

  cancel(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  /** Returns true once for a fired timer, and only if it is still the current timer of its key. */
  take(timer: KeyedTimer<M>): boolean {
    if (this.#timers.get(timer.key)?.timer !== timer) return false;
    this.#timers.delete(timer.key);
    return true;
  }

  clear(): void {
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
