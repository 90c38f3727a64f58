/** Time that moves only when the test says so; timers fire in order of their due time. */
import type { Clock } from '../../../src/application/ports/runtime.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
  timers(): number;
}

export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let nowMs = startMs;
  let timers: { dueMs: number; fire: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    setTimer(delayMs, fire) {
      const timer = { dueMs: nowMs + delayMs, fire };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = timers.filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (!next) break;
        timers = timers.filter((timer) => timer !== next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.fire();
      }
      nowMs = untilMs;
    },
    timers: () => timers.length,
  };
}
