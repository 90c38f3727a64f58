/** Time that stands still until a test moves it. Timers of the same instant fire in the order they were set. */
import type { Clock } from '../../application/ports/runtime.ts';
import { SteadyTime } from '../../domain/steady-time.ts';

interface PendingTimer {
  readonly dueMs: number;
  fire(): void;
}

/** A clock that moves when a test says so. */
export interface VirtualClock extends Clock {
  /** Monotonic ms of the earliest timer. */
  nextTimerMs(): number | undefined;
  /** Timers that are not due yet. */
  readonly pendingTimers: number;
  /** Moves to `monotonicMs`, firing on the way only the earliest timer, if it is due by then; false if none was. */
  step(monotonicMs: number): boolean;
  /** Sets the wall clock forward, or back. */
  stepWall(ms: number): void;
}

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
