/** How many runs a cell may hold beyond its threads. */
import { describe, expect, it } from 'vitest';
import { LookAhead, lookAheadMaxRuns } from '../../../src/adapters/piscina/node/look-ahead.ts';

function after(durationsMs: readonly number[], threads = 2): number {
  const lookAhead = new LookAhead({ threads, lookaheadMs: 200 });
  for (const durationMs of durationsMs) lookAhead.observe(durationMs);
  return lookAhead.runs();
}

describe('look-ahead', () => {
  it('is nothing while durations are unknown', () => {
    expect(after([])).toBe(0);
  });

  it('is about 200 ms of work per thread', () => {
    const of = (durationMs: number): number[] => Array.from({ length: 50 }, () => durationMs);
    expect(after(of(20))).toBe(19);
    expect(after(of(20), 8)).toBe(79);
    expect(after(of(5))).toBe(78);
  });

  it('is one run while a thread will soon be free for it', () => {
    expect(after([300])).toBe(1);
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

  it('is refilled in bulk, when half of it is used up', () => {
    const lookAhead = new LookAhead({ threads: 2, lookaheadMs: 200 });
    expect(lookAhead.room(2, 0)).toBe(2);
    expect(lookAhead.room(2, 2)).toBe(0);
    for (let run = 0; run < 50; run += 1) lookAhead.observe(20);
    expect(lookAhead.room(2, 22)).toBe(0);
    expect(lookAhead.room(2, 13)).toBe(0);
    expect(lookAhead.room(2, 12)).toBe(0);
    expect(lookAhead.room(2, 11)).toBe(10);
    expect(lookAhead.room(2, 0)).toBe(21);
  });

  it('counts no run twice when durations grow while it holds many', () => {
    const lookAhead = new LookAhead({ threads: 2, lookaheadMs: 200 });
    for (let run = 0; run < 50; run += 1) lookAhead.observe(1);
    lookAhead.observe(5_000);
    expect(lookAhead.room(2, 100)).toBe(0);
    expect(lookAhead.room(2, 1)).toBe(1);
  });
});
