import { describe, expect, it } from 'vitest';
import { createLateCheck } from '../../../../src/application/jobs/late-check.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import { noStats } from '../../../../src/domain/queue-stats.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const clock = createManualClock();

function setUp() {
  const oldestReadyAtMs = clock.nowMs() - 5_000;
  let asked = 0;
  const check = createLateCheck({
    stats: {
      async read() {
        asked += 1;
        const stats = { ...noStats, waiting: [0, 0, 100, 0, 0], oldestReadyAtMs, startsPerSecond: 10 };
        return { stats, shards: 1, silent: 0, askedAtMs: 0, ask: 1 };
      },
    },
    clock,
    random: () => 0,
  });
  return { check: (overrides: Partial<JobSpec>) => check(testSpec(overrides)), asked: () => asked };
}

describe('a job that would rather be refused than late', () => {
  it('is refused, and told which timeout it would miss and when to come again', async () => {
    const { check } = setUp();
    await expect(check({ refuseLate: true, queueTimeoutMs: 4_000 })).rejects.toMatchObject({
      code: 'WOULD_BE_LATE',
      metadata: { queue: 'default', field: 'job.queue_timeout', timeoutMs: '4000', estimateMs: '10067' },
      retryAfterMs: 6_067,
    });
    await check({ refuseLate: true, queueTimeoutMs: 20_000 });
  });

  it('costs nothing for those that did not ask, or have no timeout', async () => {
    const { check, asked } = setUp();
    await check({ queueTimeoutMs: 1 });
    await check({ refuseLate: true });
    expect(asked()).toBe(0);
  });
});
