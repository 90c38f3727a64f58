import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurationHistogram, type DurationWeights } from '../../../src/domain/duration-histogram.ts';
import { priorities, priorityWeights } from '../../../src/domain/priority.ts';
import { noStats, type QueueStats } from '../../../src/domain/queue-stats.ts';
import {
  backlogAgeMs,
  drainPerSecond,
  estimateInBacklog,
  estimateStart,
  jobsAhead,
  startQuantileMs,
} from '../../../src/domain/start-estimate.ts';

const nowMs = 1_000_000;

function lasting(...durationsMs: readonly number[]): DurationWeights {
  const histogram = new DurationHistogram();
  for (const durationMs of durationsMs) histogram.observe(durationMs, nowMs);
  return histogram.weights(nowMs);
}

const rate = fc.double({ min: 0.001, max: 100_000, noNaN: true });
const count = fc.integer({ min: 1, max: 1_000_000 });

describe('the time until the k-th start', () => {
  it('has its median before its ninth decile, and grows with k and with slowness', () => {
    fc.assert(
      fc.property(count, count, rate, rate, (k, more, perSecond, faster) => {
        const p50 = startQuantileMs(k, perSecond, 'p50');
        expect(p50).toBeGreaterThan(0);
        expect(startQuantileMs(k, perSecond, 'p90')).toBeGreaterThan(p50);
        for (const share of ['p50', 'p90'] as const) {
          expect(startQuantileMs(k + more, perSecond, share)).toBeGreaterThan(startQuantileMs(k, perSecond, share));
          expect(startQuantileMs(k, perSecond + faster, share)).toBeLessThan(startQuantileMs(k, perSecond, share));
        }
      }),
    );
  });

  // Quantiles of the Gamma distribution with rate 1, from tables.
  it.each([
    [1, 0.6931, 2.3026],
    [2, 1.6783, 3.8897],
    [5, 4.6709, 7.9936],
    [10, 9.6687, 14.206],
    [100, 99.667, 113.037],
  ])('is near the truth for k = %i', (k, p50, p90) => {
    expect(startQuantileMs(k, 1, 'p50') / 1_000 / p50).toBeCloseTo(1, 1);
    expect(startQuantileMs(k, 1, 'p90') / 1_000 / p90).toBeCloseTo(1, 1);
  });
});

describe('the jobs that start before one', () => {
  const waiting = fc.array(fc.nat(10_000), { minLength: 5, maxLength: 5 });

  it('are at least those before it in its level, at most all that wait, and more the further back it stands', () => {
    fc.assert(
      fc.property(fc.constantFrom(...priorities), fc.nat(10_000), waiting, (priority, before, others) => {
        const ahead = jobsAhead(priority, before, others);
        const elsewhere = others.reduce((sum, jobs, level) => sum + (level === priority ? 0 : jobs), 0);
        expect(ahead).toBeGreaterThanOrEqual(before);
        expect(ahead).toBeLessThanOrEqual(before + elsewhere);
        expect(jobsAhead(priority, before + 1, others)).toBeGreaterThan(ahead);
      }),
    );
  });

  it('are of the other levels as many as their weight gives them', () => {
    const flood = priorities.map(() => 1_000_000);
    const all = Object.values(priorityWeights).reduce((sum, weight) => sum + weight, 0);
    expect(jobsAhead(0, 9, flood)).toBe(9 + 10 * (all - 1));
    expect(jobsAhead(4, 0, [3, 3, 3, 3, 0])).toBe(0);
  });
});

describe('the estimate of a start', () => {
  const backlog: QueueStats = { ...noStats, oldestReadyAtMs: nowMs - backlogAgeMs };

  it('goes by what starts, or by what runs if that promises more', () => {
    expect(drainPerSecond({ ...backlog, startsPerSecond: 5 })).toBe(5);
    const busy = { ...backlog, startsPerSecond: 0.1, running: 10, runs: lasting(1_000, 1_000) };
    expect(drainPerSecond(busy)).toBeGreaterThan(8);
    expect(drainPerSecond(busy)).toBeLessThan(12);
  });

  it('is not made up where nothing starts', () => {
    expect(estimateInBacklog(backlog, 0)).toBeUndefined();
    expect(estimateStart(noStats, 0, nowMs)).toBeUndefined();
  });

  it('is the usual wait while the queue keeps up', () => {
    const keepsUp: QueueStats = {
      ...noStats,
      oldestReadyAtMs: nowMs - 5,
      startsPerSecond: 0.01,
      waits: lasting(20, 20),
    };
    expect(estimateStart(keepsUp, 3, nowMs)?.p90Ms).toBeLessThan(24);
    const late = { ...keepsUp, oldestReadyAtMs: nowMs - 5_000 };
    expect(estimateStart(late, 3, nowMs)?.p50Ms).toBeGreaterThan(300_000);
  });
});
