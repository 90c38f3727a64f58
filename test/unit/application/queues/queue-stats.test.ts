import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { statsMaxAgeMs } from '../../../../src/application/protocol/cluster-stats.ts';
import { createQueueStatsReader } from '../../../../src/application/queues/queue-stats.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { addStats, depthOf, noStats, type QueueStats } from '../../../../src/domain/queue-stats.ts';
import { createManualClock } from '../manual-clock.ts';

type Answer = (shard: number) => Promise<QueueStats>;

function setUp(answer: Answer, shardCount = 100) {
  const clock = createManualClock();
  const asked: number[] = [];
  let [open, most] = [0, 0];
  const call = async (shard: number): Promise<QueueStats> => {
    asked.push(shard);
    open += 1;
    most = Math.max(most, open);
    try {
      return await answer(shard);
    } finally {
      open -= 1;
    }
  };
  const batcher = { call: call as unknown as ShardBatcher['call'] };
  return { clock, asked, mostOpen: () => most, reader: createQueueStatsReader({ batcher, shardCount, clock }) };
}

describe('statistics of a queue', () => {
  it('add up over all shards, a bounded number of which is asked at a time', async () => {
    const { reader, asked, mostOpen } = setUp(async (shard) => ({ ...noStats, later: 1, oldestReadyAtMs: shard + 5 }));
    const { stats, silent, shards } = await reader.read('default', 'q');
    expect({ later: stats.later, oldest: stats.oldestReadyAtMs, silent, shards }).toEqual({
      later: 100,
      oldest: 5,
      silent: 0,
      shards: 100,
    });
    expect(new Set(asked).size).toBe(100);
    expect(mostOpen()).toBe(32);
  });

  it('say how many shards did not answer', async () => {
    const { reader } = setUp(async (shard) => {
      if (shard % 10 === 0) throw new TroupeError('SHARD_UNAVAILABLE');
      return { ...noStats, running: 1 };
    });
    expect(await reader.read('default', 'q')).toMatchObject({ silent: 10, stats: { running: 90 } });
  });

  it('are made once for all who ask within their age, or while they are made', async () => {
    let release = (): void => undefined;
    const { reader, asked, clock } = setUp(async () => {
      await new Promise<void>((resolve) => (release = resolve));
      return noStats;
    }, 1);
    const first = reader.read('default', 'q');
    clock.advance(5_000);
    const second = reader.read('default', 'q');
    release();
    expect(await second).toBe(await first);
    expect(asked).toHaveLength(1);
    void reader.read('default', 'q');
    expect(asked).toHaveLength(2);
    release();
    clock.advance(statsMaxAgeMs - 1);
    await reader.read('default', 'q');
    expect(asked).toHaveLength(2);
    void reader.read('default', 'q', 100);
    expect(asked).toHaveLength(3);
    void reader.read('other', 'q');
    expect(asked).toHaveLength(4);
  });

  it('do not depend on the order in which shards answer', () => {
    const count = fc.nat(1_000);
    const shardStats = fc
      .record({
        later: count,
        running: count,
        openBytes: count,
        arrivalsPerSecond: count,
        startsPerSecond: count,
        endsPerSecond: count,
        oldestReadyAtMs: count,
        waits: fc.array(count, { maxLength: 9 }),
        runs: fc.array(count, { maxLength: 9 }),
        waiting: fc.array(count, { minLength: 5, maxLength: 5 }),
      })
      .map((stats): QueueStats => stats);
    fc.assert(
      fc.property(fc.array(shardStats), (all) => {
        const forth = all.reduce(addStats, noStats);
        expect(all.toReversed().reduce(addStats, noStats)).toEqual(forth);
        expect(depthOf(forth)).toBe(all.reduce((sum, stats) => sum + depthOf(stats), 0));
      }),
    );
  });
});
