/**
 * A clock that stands still until a test advances it. Timers of the same instant fire in the order in which they were
 * set.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import { SteadyTime } from '../../domain/steady-time.ts';

interface PendingTimer {
  readonly dueMs: number;
  fire(): void;
}

/** A clock under the control of a test. */
export interface VirtualClock extends Clock {
  /** The time of the earliest timer, in monotonic ms. Undefined if there is none. */
  nextTimerMs(): number | undefined;
  /** The number of timers that have not fired. */
  readonly pendingTimers: number;
  /**
   * Advances towards `monotonicMs`. If a timer is due by then, stops at the earliest one, fires it and returns true.
   * Otherwise advances fully and returns false.
   */
  step(monotonicMs: number): boolean;
  /** Steps the wall clock by `ms` (backwards if negative). Monotonic time and timers are unaffected. */
  stepWall(ms: number): void;
}

/**
 * Creates a clock whose wall time starts at `epochMs` (default 2026-01-01 UTC) and whose monotonic time starts at 0.
 */
export function createVirtualClock(epochMs = Date.UTC(2026, 0, 1)): VirtualClock {
  const timers = new Set<PendingTimer>();
  let elapsedMs = 0;
  let steppedMs = 0;

  const wallMs = (): number => epochMs + elapsedMs + steppedMs;
  const monotonicMs = (): number => elapsedMs;
  const time = new SteadyTime({ wallMs, monotonicMs });

  const earliest = (): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of timers) if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    return first;
  };

  return {
    nowMs: () => time.nowMs(),
    wallMs,
    monotonicMs,
    stepWall(ms) {
      steppedMs += ms;
    },
    setTimer(delayMs, fire) {
      const timer: PendingTimer = { dueMs: elapsedMs + Math.max(0, delayMs), fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    nextTimerMs: () => earliest()?.dueMs,
    get pendingTimers() {
      return timers.size;
    },
    step(monotonicMs) {
      const first = earliest();
      if (first === undefined || first.dueMs > monotonicMs) {
        elapsedMs = Math.max(elapsedMs, monotonicMs);
        return false;
      }
      elapsedMs = Math.max(elapsedMs, first.dueMs);
      timers.delete(first);
      first.fire();
      return true;
    },
  };
}
