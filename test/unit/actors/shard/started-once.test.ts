/** A job that may begin once: its claim is answered when the store has it, so that no owner can forget it and hand it out again. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../../src/application/ports/shard-protocol.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

describe('the claim of a job with max_losses 0', () => {
  let shard: ShardHarness;
  let jobId: JobId;

  beforeEach(async () => {
    shard = await startShardHarness();
    const retry = { ...testSpec().retry, maxAttempts: 1, maxLosses: 0 };
    jobId = (await shard.call('submit', { spec: testSpec({ retry }) })).record.id;
    return () => shard.close();
  });

  const claim = () => ({ jobId, node: 'n1', epoch: 1, ackTo: 'first' });

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
    expect(await shard.call('claim', { ...claim(), epoch: 2 })).toMatchObject({ kind: 'granted', attempt: 1 });
  });

  it.each([
    ['for longer than a node may be silent', 9],
    ['for a while', 6],
  ])('that the store does not take %s is given to nobody, and the job waits as before', async (_, refusals) => {
    const normal = (await shard.call('submit', { spec: testSpec() })).record.id;
    shard.fates.push(...new Array<'unavailable'>(refusals).fill('unavailable'));
    const claims = [claim(), { jobId: normal, node: 'n1', epoch: 1, ackTo: 'other' }];
    // What comes in the same message does not wait until its own run is taken for lost.
    const answers = await shard.kit.outcome(shard.sendAll('claim', claims), 5_000);
    expect(answers.map(({ kind }) => kind)).toEqual(['later', 'granted']);
    expect((await shard.kit.outcome(shard.send('claim', claim()), 1_000)).kind).toBe('later');
    await shard.kit.advance(20_000);
    const { record } = await shard.call('get', { jobId });
    expect(record).toMatchObject({ state: 'QUEUED', attempt: 1, losses: 0 });
    expect(record.trail.map(({ type, outcome }) => outcome ?? type)).toEqual(['queued', 'started', 'given-back']);
    expect(shard.work.filter((message) => message.jobId === jobId)).toHaveLength(2);
    expect(await shard.call('claim', claim())).toMatchObject({ kind: 'granted', attempt: 2 });
  });

  it('that was cancelled before the store took it ends the job', async () => {
    const answered = Promise.withResolvers<undefined>();
    shard.onCommit = () => answered.promise;
    expect((await shard.kit.outcome(shard.send('claim', claim()), 5_000)).kind).toBe('later');
    const cancelled = shard.send('cancel', { jobId, reason: 'no' });
    await shard.kit.advance(1_000);
    answered.resolve(undefined);
    await shard.kit.advance(1_000);
    await cancelled;
    expect((await shard.call('get', { jobId })).record).toMatchObject({ state: 'CANCELLED', attempt: 1 });
  });

  it('ends nothing when the node could not begin the run', async () => {
    const grant = await shard.call('claim', claim());
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    await shard.call('report', { jobId, token: grant.token, outcome: { kind: 'released' } });
    expect((await shard.call('get', { jobId })).record).toMatchObject({ state: 'QUEUED', losses: 0 });
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
