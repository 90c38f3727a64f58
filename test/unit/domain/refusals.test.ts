// When a submit is refused for what waits already, and for how long.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lateStart } from '../../../src/domain/late-start.ts';
import { fullQueue } from '../../../src/domain/queue-room.ts';
import { noStats, type QueueStats } from '../../../src/domain/queue-stats.ts';
import { retryAfterMs } from '../../../src/domain/retry-after.ts';
import { testSpec } from '../../support/jobs.ts';

const nowMs = 1_000_000;

describe('how long to stay away', () => {
  const backlog = fc.record({
    excess: fc.integer({ min: 1, max: 1_000_000 }),
    perSecond: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e6, noNaN: true })),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });

  it('is 100 ms to 60 s', () => {
    fc.assert(
      fc.property(backlog, (facts) => {
        expect(retryAfterMs(facts)).toBeGreaterThanOrEqual(100);
        expect(retryAfterMs(facts)).toBeLessThanOrEqual(60_000);
      }),
    );
  });

  it('is until there is room, and up to as long again', () => {
    expect(retryAfterMs({ excess: 200, perSecond: 100, random: 0 })).toBe(2_000);
    expect(retryAfterMs({ excess: 200, perSecond: 100, random: 0.5 })).toBe(3_000);
    expect(retryAfterMs({ excess: 1, perSecond: 0, random: 0 })).toBe(5_000);
  });

  it('spreads callers at its bounds as well', () => {
    for (const perSecond of [1e-6, 1e6]) {
      const spread = [0, 0.3, 0.9].map((random) => retryAfterMs({ excess: 1, perSecond, random }));
      expect(new Set(spread).size).toBe(3);
    }
  });
});

describe('a queue with limits', () => {
  it('has room below them, and says how much must go first above them', () => {
    expect(fullQueue({ jobs: 9, bytes: 900 }, 100, { maxDepth: 10, maxBytes: 1_000 })).toBeUndefined();
    expect(fullQueue({ jobs: 10, bytes: 0 }, 0, { maxDepth: 10 })).toMatchObject({ limit: 'max_depth', excessJobs: 1 });
    expect(fullQueue({ jobs: 10, bytes: 1_000 }, 250, { maxBytes: 1_000 })).toEqual({
      limit: 'max_bytes',
      max: 1_000,
      held: 1_000,
      excessJobs: 3,
    });
    expect(fullQueue({ jobs: 1e9, bytes: 1e15 }, 1e9, {})).toBeUndefined();
  });
});

describe('a job with a deadline', () => {
  const backlog: QueueStats = {
    ...noStats,
    waiting: [0, 0, 99, 0, 0],
    oldestReadyAtMs: nowMs - 5_000,
    startsPerSecond: 10,
  };

  it('would be late when half of its like were', () => {
    expect(lateStart(testSpec({ queueTimeoutMs: 5_000 }), backlog, nowMs)?.field).toBe('job.queue_timeout');
    expect(lateStart(testSpec({ queueTimeoutMs: 15_000 }), backlog, nowMs)).toBeUndefined();
    expect(lateStart(testSpec({ totalTimeoutMs: 5_000 }), backlog, nowMs)?.field).toBe('job.total_timeout');
    expect(lateStart(testSpec({ priority: 4, queueTimeoutMs: 5_000 }), backlog, nowMs)).toBeUndefined();
    expect(lateStart(testSpec(), backlog, nowMs)).toBeUndefined();
  });

  it('is not judged without an estimate', () => {
    const spec = testSpec({ queueTimeoutMs: 1, totalTimeoutMs: 1 });
    expect(lateStart(spec, noStats, nowMs)).toBeUndefined();
    expect(lateStart(spec, { ...backlog, startsPerSecond: 0 }, nowMs)).toBeUndefined();
    expect(lateStart(spec, { ...backlog, oldestReadyAtMs: nowMs - 1 }, nowMs)).toBeUndefined();
    expect(lateStart({ ...spec, runAtMs: nowMs + 1 }, backlog, nowMs)).toBeUndefined();
  });
});
