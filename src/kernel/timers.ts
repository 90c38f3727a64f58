/**
 * The timers of one incarnation, one per key.
 * A timer may be replaced or cancelled after it has fired but before its message is handled. `take` compares
 * identities, so that such a message is dropped.
 */
import type { Clock } from '../application/ports/runtime.ts';

/** A timer that was set. Its identity distinguishes it from other timers of the same key. */
export interface KeyedTimer<M> {
  readonly key: string;
  readonly message: M;
}

/** Receives timers when they fire. */
export interface TimerSink<M> {
  timerFired(timer: KeyedTimer<M>): void;
}

/** The timers of one incarnation. */
export class KeyedTimers<M> {
  readonly #clock: Clock;
  readonly #sink: TimerSink<M>;
  readonly #timers = new Map<string, { readonly timer: KeyedTimer<M>; readonly cancel: () => void }>();

  constructor(clock: Clock, sink: TimerSink<M>) {
    this.#clock = clock;
    this.#sink = sink;
  }

  /** Starts a timer, replacing the one of the same key. */
  set(key: string, delayMs: number, message: M): void {
    this.cancel(key);
    const timer: KeyedTimer<M> = { key, message };
    const cancel = this.#clock.setTimer(delayMs, () => {
      this.#sink.timerFired(timer);
    });
    this.#timers.set(key, { timer, cancel });
  }

  /** Cancels the timer of a key, if there is one. */
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

  /** Cancels all timers. */
  clear(): void {
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
