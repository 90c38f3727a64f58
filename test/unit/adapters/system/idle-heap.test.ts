import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveHeapBackWhenIdle } from '../../../../src/adapters/system/idle-heap.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('saves memory while the process idles, and only then', () => {
  const shares = [0.9, 0.2, 0.05, 0, 0.2, 0.29, 0.5, 0.2, 0.01];
  const said: (readonly [number, boolean])[] = [];
  let look = 0;
  const stop = giveHeapBackWhenIdle({
    cpuShare: () => shares[look++] ?? 1,
    saveMemory: (on) => said.push([look, on]),
  });
  vi.advanceTimersByTime(shares.length * 1_000);
  expect(said).toEqual([
    [3, true],
    [7, false],
    [9, true],
  ]);
  stop();
  vi.advanceTimersByTime(5_000);
  expect(look).toBe(shares.length);
});
