// The real clock: timers fire, are cancelled, and do not overflow.
import { describe, expect, it, vi } from 'vitest';
import { createSystemClock, createSystemRandom } from '../../../../src/adapters/system/system-clock.ts';

describe('createSystemClock', () => {
  it('fires a timer once, and not after it was cancelled', () => {
    vi.useFakeTimers();
    try {
      const clock = createSystemClock();
      const fired: string[] = [];
      clock.setTimer(10, () => fired.push('kept'));
      const cancel = clock.setTimer(10, () => fired.push('cancelled'));
      cancel();
      cancel();
      vi.advanceTimersByTime(100);
      expect(fired).toEqual(['kept']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps a timer of forty days, and can cancel it on the way', () => {
    vi.useFakeTimers();
    try {
      const clock = createSystemClock();
      const dayMs = 86_400_000;
      const fired: number[] = [];
      const start = clock.nowMs();
      clock.setTimer(40 * dayMs, () => fired.push(clock.nowMs() - start));
      const cancel = clock.setTimer(40 * dayMs, () => fired.push(-1));
      vi.advanceTimersByTime(30 * dayMs);
      cancel();
      expect(fired).toEqual([]);
      vi.advanceTimersByTime(10 * dayMs);
      expect(fired).toEqual([40 * dayMs]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('never goes back in its monotonic time', () => {
    const clock = createSystemClock();
    const first = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });

  it('draws from [0, 1)', () => {
    const random = createSystemRandom();
    const draws = Array.from({ length: 1_000 }, random);
    expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    expect(new Set(draws).size).toBeGreaterThan(990);
  });
});
