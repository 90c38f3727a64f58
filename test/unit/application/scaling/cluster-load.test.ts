// What waits and runs over all shards: asked once for everybody, never too small while a shard is silent for a moment.
import { describe, expect, it } from 'vitest';
import {
  createClusterLoadReader,
  loadMaxAgeMs,
  silentMaxMs,
} from '../../../../src/application/scaling/cluster-load.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import { type ClusterLoad, noLoad } from '../../../../src/domain/demand.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createManualClock } from '../manual-clock.ts';

function setUp(shardCount = 100) {
  const clock = createManualClock();
  const silent = new Set<number>();
  const state = { asked: 0, open: 0, mostOpen: 0, jobs: 1 };
  const call = async (shard: number): Promise<ClusterLoad> => {
    state.asked += 1;
    state.open += 1;
    state.mostOpen = Math.max(state.mostOpen, state.open);
    await Promise.resolve();
    state.open -= 1;
    if (silent.has(shard)) throw new TroupeError('SHARD_UNAVAILABLE');
    return { ...noLoad, waiting: [{ tenant: 'default', queue: 'q', handler: 'h', jobs: state.jobs }] };
  };
  const batcher = { call: call as unknown as ShardBatcher['call'] };
  const reader = createClusterLoadReader({ batcher, shardCount, clock });
  const read = async (): Promise<number> => (await reader.read()).waiting.reduce((sum, { jobs }) => sum + jobs, 0);
  return { clock, silent, state, reader, read };
}

describe('the load of the cluster', () => {
  it('is that of all shards, a bounded number of which is asked at a time', async () => {
    const { read, state } = setUp();
    expect(await read()).toBe(100);
    expect(state).toMatchObject({ asked: 100, mostOpen: 32 });
  });

  it('is asked for once, however many want it at once or shortly after', async () => {
    const { read, state, clock } = setUp(4);
    expect(await Promise.all([read(), read(), read()])).toEqual([4, 4, 4]);
    clock.advance(loadMaxAgeMs - 1);
    await read();
    expect(state.asked).toBe(4);
    clock.advance(1);
    await read();
    expect(state.asked).toBe(8);
  });

  it('counts a silent shard with what it said last, but not for ever', async () => {
    const { read, state, clock, silent } = setUp(4);
    state.jobs = 5;
    await read();
    silent.add(2);
    state.jobs = 1;
    clock.advance(loadMaxAgeMs);
    expect(await read()).toBe(8);
    clock.advance(silentMaxMs);
    await expect(read()).rejects.toMatchObject({
      code: 'SHARD_UNAVAILABLE',
      message: '1 of 4 shards have not answered for 30 s',
    });
    silent.clear();
    clock.advance(loadMaxAgeMs);
    expect(await read()).toBe(4);
  });

  it('is not known while a shard has never answered', async () => {
    const { read, silent } = setUp(4);
    silent.add(0);
    await expect(read()).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });
});
