// The store stays away so long that JetStream delivers a claimed job again, and then the owner dies.
import { beforeEach, describe, expect, it } from 'vitest';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

describe('a message that comes again before the claim is durable', () => {
  let shard: ShardHarness;
  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  it('is not the last word on the job: it goes back until the claim is durable, then it is dropped', async () => {
    const { record } = await shard.call('submit', { spec: testSpec() });
    shard.fates.push(...new Array<'unavailable'>(20).fill('unavailable'));
    const claim = { jobId: record.id, node: 'n1', epoch: 1 };
    expect(await shard.call('claim', { ...claim, ackTo: 'first' })).toMatchObject({ kind: 'granted' });
    await shard.kit.advance(5_000);
    expect(await shard.call('claim', { ...claim, ackTo: 'first-again' })).toEqual({ kind: 'later' });
    expect(shard.acks).toEqual([]);

    shard.fates.length = 0;
    await shard.start();
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([record.id, record.id]);
    expect(await shard.call('claim', { ...claim, ackTo: 'kept' })).toMatchObject({ kind: 'granted', attempt: 1 });
    await shard.kit.advance(1_000);
    expect(await shard.call('claim', { ...claim, ackTo: 'kept-again' })).toEqual({ kind: 'drop' });
  });
});
