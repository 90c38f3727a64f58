/** A job that may begin once: its claim is answered when the store has it, so that no owner can forget it and hand it out again. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../src/application/shard-protocol.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { testSpec } from '../../support/jobs.ts';
import type { ShardHarness } from '../../support/shard-harness.ts';
import { startShardHarness } from '../../support/shard-harness.ts';

describe('the claim of a job with max_losses 0', () => {
  let shard: ShardHarness;
  let jobId: JobId;

  beforeEach(async () => {
    shard = await startShardHarness();
    const retry = { ...testSpec().retry, maxAttempts: 1, maxLosses: 0 };
    jobId = (await shard.call('submit', { spec: testSpec({ retry }) })).record.id;
    return () => shard.close();
  });

  const claim = () => ({ jobId, node: 'n1', generation: 1, ackTo: 'first' });

  it('is answered when it is durable, and not before', async () => {
    shard.fates.push('unavailable');
    let answer: ClaimResult | undefined;
    const answered = shard.send('claim', claim()).then((result) => (answer = result));
    await shard.kit.advance(1);
    expect(answer).toBeUndefined();
    expect(shard.acks).toEqual([]);
    await shard.kit.outcome(answered, 5_000);
    expect(answer).toMatchObject({ kind: 'granted', attempt: 1 });
    expect(shard.acks).toEqual(['first']);
  });

  it('is not answered by an owner that ends before; the next one hands the job out', async () => {
    shard.fates.push(...new Array<'unavailable'>(20).fill('unavailable'));
    const answered = shard.send('claim', claim()).then(
      (result) => result.kind,
      () => 'refused',
    );
    await shard.kit.advance(100);
    shard.fates.length = 0;
    await shard.start();
    expect(await answered).toBe('refused');
    expect(await shard.call('claim', { ...claim(), generation: 2 })).toMatchObject({ kind: 'granted', attempt: 1 });
  });

  it('once on record is the only one: the job of a node that is gone has failed', async () => {
    expect(await shard.call('claim', claim())).toMatchObject({ kind: 'granted' });
    await shard.start();
    await shard.kit.advance(30_000);
    const { record } = await shard.call('get', { jobId });
    expect(record).toMatchObject({ state: 'FAILED', attempt: 1, failure: { reason: 'NODE_LOST' } });
    expect(shard.work.slice(1)).toEqual([]);
  });
});
