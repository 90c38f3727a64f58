/** How many runs a cell may hold beyond its threads. */
import { describe, expect, it } from 'vitest';
import { LookAhead, lookAheadMaxRuns } from '../../src/adapters/piscina/look-ahead.ts';

function after(durationsMs: readonly number[], threads = 2): number {
  const lookAhead = new LookAhead({ threads, lookaheadMs: 50 });
  for (const durationMs of durationsMs) lookAhead.observe(durationMs);
  return lookAhead.runs();
}

describe('look-ahead', () => {
  it('is nothing while durations are unknown', () => {
    expect(after([])).toBe(0);
  });

  it('is about 50 ms of work per thread', () => {
    const of = (durationMs: number): number[] => Array.from({ length: 50 }, () => durationMs);
    expect(after(of(20))).toBe(5);
    expect(after(of(20), 8)).toBe(20);
    expect(after(of(5))).toBe(20);
  });

  it('is one run while a thread will soon be free for it', () => {
    expect(after([150])).toBe(1);
    expect(after([3_000], 16)).toBe(1);
  });

  it('is bounded for runs that take no time', () => {
    expect(after(Array.from({ length: 50 }, () => 0))).toBe(lookAheadMaxRuns);
  });

  it('is nothing for long runs, and soon so when they grow long', () => {
    expect(after([500])).toBe(0);
    expect(after([...Array.from({ length: 50 }, () => 0), 5_000])).toBe(0);
  });

  it('grows again when they grow short', () => {
    expect(after([1_000, ...Array.from({ length: 60 }, () => 1)])).toBeGreaterThan(10);
  });
});
