/** Cancel at its shard: what waits ends at once, what runs ends when its code is gone, and nothing undoes it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../../../src/domain/attempt-outcome.ts';
import type { JobRecord, JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

let shard: ShardHarness;

beforeEach(async () => {
  shard = await createShardHarness();
  await shard.start();
});
afterEach(() => shard.close());

const submitted = async (overrides: Partial<JobSpec> = {}): Promise<JobId> =>
  (await shard.call('submit', { spec: testSpec(overrides) })).record.id;

async function claimed(jobId: JobId): Promise<string> {
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
  return grant.token;
}

const cancelled = async (jobId: JobId, reason = 'user'): Promise<JobRecord> =>
  (await shard.call('cancel', { jobId, reason })).record;
const seen = async (jobId: JobId): Promise<JobRecord> => (await shard.call('get', { jobId })).record;

const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;
const failed: AttemptOutcome = { kind: 'failed', failure, retryable: true };

describe('a job that waits is CANCELLED at once, durably, and never runs:', () => {
  it('SCHEDULED, also when its time comes', async () => {
    const jobId = await submitted({ runAtMs: shard.kit.clock.nowMs() + 10_000 });
    expect(await cancelled(jobId)).toMatchObject({ state: 'CANCELLED', attempt: 0, cancelReason: 'user' });
    await shard.kit.advance(20_000);
    expect([shard.work, await seen(jobId)]).toMatchObject([[], { state: 'CANCELLED' }]);
  });

  it('QUEUED: the message that dispatched it has nothing left to do', async () => {
    const jobId = await submitted();
    expect(await cancelled(jobId)).toMatchObject({ state: 'CANCELLED' });
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'CANCELLED' });
    expect(await shard.call('claim', { jobId, node: 'n1', epoch: 1 })).toEqual({ kind: 'drop' });
  });

  it('RETRYING and snoozed, also when the next attempt is due', async () => {
    for (const outcome of [failed, { kind: 'snoozed', delayMs: 5_000 } as const]) {
      const jobId = await submitted();
      await shard.call('report', { jobId, token: await claimed(jobId), outcome });
      expect(await cancelled(jobId)).toMatchObject({ state: 'CANCELLED', attempt: 1 });
      await shard.kit.advance(10_000);
      expect(await seen(jobId)).toMatchObject({ state: 'CANCELLED', attempt: 1 });
    }
  });
});

describe('a job that runs is CANCELLING', () => {
  it.each<AttemptOutcome>([
    { kind: 'stopped' },
    { kind: 'succeeded', output: { kind: 'json', json: '1' } },
    failed,
    { kind: 'snoozed', delayMs: 100 },
    { kind: 'released' },
    { kind: 'lost', blame: 'convicted' },
  ])('until its attempt is over, then CANCELLED, however that ended: $kind', async (outcome) => {
    const jobId = await submitted();
    const token = await claimed(jobId);
    expect(await cancelled(jobId)).toMatchObject({ state: 'CANCELLING', run: { token } });
    await shard.call('report', { jobId, token, outcome });
    const record = await seen(jobId);
    expect(record).toMatchObject({ state: 'CANCELLED', attempt: 1, failures: 0, losses: 0 });
    expect([record.output, record.failure]).toEqual([undefined, undefined]);
    await shard.kit.advance(30_000);
    expect(shard.work).toHaveLength(1);
  });

  it('for as long as its node says that it runs, past every timeout of the job', async () => {
    const jobId = await submitted({ totalTimeoutMs: 5_000, queueTimeoutMs: 1_000, executionTimeoutMs: 1_000 });
    const token = await claimed(jobId);
    await cancelled(jobId);
    for (let beat = 0; beat < 10; beat += 1) {
      await shard.kit.advance(2_000);
      const { stop } = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
      expect(stop).toEqual([{ jobId, token, why: 'cancel' }]);
    }
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLING' });
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } });
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLED' });
  });

  it('not for a report of another attempt', async () => {
    const jobId = await submitted();
    await claimed(jobId);
    await cancelled(jobId);
    const stale = await shard.call('report', { jobId, token: '9.9', outcome: { kind: 'stopped' } });
    expect([stale.kind, (await seen(jobId)).state]).toEqual(['stale', 'CANCELLING']);
  });

  it('with the reason that was given first, however often it is asked for', async () => {
    const jobId = await submitted();
    const token = await claimed(jobId);
    const first = await cancelled(jobId, 'wrong file');
    expect(await cancelled(jobId, 'me too')).toEqual(first);
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } });
    expect(await cancelled(jobId, 'still')).toMatchObject({ state: 'CANCELLED', cancelReason: 'wrong file' });
  });

  it('also for the next owner of its shard, who goes on telling the node', async () => {
    const jobId = await submitted();
    const token = await claimed(jobId);
    await cancelled(jobId);
    await shard.start();
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLING' });
    const { stop } = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token }] });
    expect(stop).toEqual([{ jobId, token, why: 'cancel' }]);
    await shard.call('report', { jobId, token, outcome: { kind: 'stopped' } });
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLED', cancelReason: 'user' });
  });

  it('until its node is taken for dead, when it was not heard of', async () => {
    const jobId = await submitted();
    await claimed(jobId);
    await cancelled(jobId);
    await shard.kit.advance(5_000);
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLING' });
    await shard.kit.advance(10_000);
    expect(await seen(jobId)).toMatchObject({ state: 'CANCELLED' });
  });
});
