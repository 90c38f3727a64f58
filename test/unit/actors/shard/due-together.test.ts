/** Jobs that are due together do not fill the shard with decisions that the store does not take. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultQueueName, defaultTenant } from '../../../../src/domain/queue.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createShardHarness, harnessUndurableMax, type ShardHarness } from '../../../support/shard-harness.ts';

const jobs = 1_000;

describe('a thousand jobs that are due at once', () => {
  let shard: ShardHarness;
  let dueMs: number;

  beforeEach(async () => {
    shard = await createShardHarness({ backlogMax: 2 * jobs });
    await shard.start();
    dueMs = shard.kit.clock.nowMs() + 60_000;
    for (let n = 0; n < jobs; n += 100) {
      const items = Array.from({ length: 100 }, () => ({ spec: testSpec({ runAtMs: dueMs }) }));
      await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
    }
  });
  afterEach(() => shard.close());

  const waiting = async (): Promise<number> => {
    const stats = await shard.call('queueStats', { tenant: defaultTenant, queue: defaultQueueName });
    return stats.waiting.reduce((sum, of) => sum + of, 0);
  };
  const untilDue = (): Promise<void> => shard.kit.advance(dueMs - shard.kit.clock.nowMs());

  it('all wait for a node in the same second', async () => {
    await untilDue();
    await shard.kit.advance(1_000);
    expect(await waiting()).toBe(jobs);
  });

  it('wait for the store, with room left for what callers ask, and go on when it is back', async () => {
    shard.fates.push(...Array.from({ length: 1_000 }, () => 'unavailable' as const));
    await untilDue();
    await shard.kit.advance(10_000);
    expect(await waiting()).toBe(harnessUndurableMax / 2);
    shard.fates.splice(0);
    await shard.kit.advance(5_000);
    expect(await waiting()).toBe(jobs);
  });
});
