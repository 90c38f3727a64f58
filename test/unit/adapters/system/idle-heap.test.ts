import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveHeapBackWhenIdle } from '../../../../src/adapters/system/idle-heap.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What was switched, and at which look, when looks find these shares of a core. */
function switched(shares: readonly number[]): readonly (readonly [look: number, on: boolean])[] {
  const said: (readonly [number, boolean])[] = [];
  let look = 0;
  const stop = giveHeapBackWhenIdle({
    cpuShare: () => shares[look++] ?? 1,
    saveMemory: (on) => said.push([look, on]),
  });
  vi.advanceTimersByTime(shares.length * 1_000);
  stop();
  vi.advanceTimersByTime(5_000);
  expect(look).toBe(shares.length);
  return said;
}

it('saves memory after a busy time, while the process idles, and at no other time', () => {
  expect(switched([0, 0, 0.9, 0, 0.9, 0.2, 0.05, 0.2, 0.29, 0.5, 0.2, 0.01, 0.6, 0])).toEqual([
    [7, true],
    [10, false],
    [14, true],
  ]);
});

it('saves memory for two minutes at most', () => {
  expect(switched([1, 1, ...Array.from({ length: 300 }, () => 0)])).toEqual([
    [3, true],
    [123, false],
  ]);
});
