// An owner that is not sure of its lease may be a former one: it says no from memory to nobody, who would believe it.
import { beforeEach, expect, it, vi } from 'vitest';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testRecord, testSpec } from '../../../../support/jobs.ts';
import { harnessShard, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

const doubt = { code: 'SHARD_UNAVAILABLE', retryable: true };
let shard: ShardHarness;

beforeEach(async () => {
  shard = await startShardHarness();
  return () => shard.close();
});

async function submit(): Promise<JobId> {
  return (await shard.call('submit', { spec: testSpec() })).record.id;
}

async function running(): Promise<{ readonly jobId: JobId; readonly token: string }> {
  const jobId = await submit();
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(grant.kind);
  await shard.kit.settle();
  return { jobId, token: grant.token };
}

it('an order that the state forbids is not refused: another owner may have taken the job further', async () => {
  const waiting = await submit();
  const { jobId } = await running();
  const laterMs = shard.kit.clock.nowMs() + 60_000;
  shard.lease = false;
  await expect(shard.call('erase', { jobId: waiting })).rejects.toMatchObject(doubt);
  await expect(shard.call('reschedule', { jobId: waiting, runAtMs: laterMs })).rejects.toMatchObject(doubt);
  await expect(shard.call('cancel', { jobId, reason: '', unlessRunning: true })).rejects.toMatchObject(doubt);
  shard.lease = true;
  await expect(shard.call('erase', { jobId: waiting })).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
  await expect(shard.call('reschedule', { jobId: waiting, runAtMs: laterMs })).rejects.toMatchObject({
    code: 'JOB_STATE_FORBIDS',
  });
});

it('an attempt that it does not know is not called stale: another owner may have granted it', async () => {
  const { jobId } = await running();
  const token = '7.1';
  const checkpoint = { payload: { kind: 'json', json: '1' }, bytes: 1, number: 1 } as const;
  const beat = { node: 'n1', runs: [{ jobId, token }] };
  shard.lease = false;
  const outcome = { kind: 'succeeded' } as const;
  await expect(shard.call('report', { jobId, token, outcome })).rejects.toMatchObject(doubt);
  await expect(shard.call('checkpoint', { jobId, token, ...checkpoint })).rejects.toMatchObject(doubt);
  await expect(shard.call('log', { jobId, token, after: 0, lines: [] })).rejects.toMatchObject(doubt);
  expect(await shard.call('heartbeat', beat)).toEqual({ stop: [] });
  shard.lease = true;
  expect(await shard.call('report', { jobId, token, outcome })).toEqual({ kind: 'stale' });
  expect(await shard.call('heartbeat', beat)).toEqual({ stop: [{ jobId, token, why: 'stale' }] });
});

it('an end is final: who asks to cancel an ended job is told so', async () => {
  const { jobId, token } = await running();
  await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
  shard.lease = false;
  await expect(shard.call('cancel', { jobId, reason: '' })).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
});

it.each([false, true])(
  'a job that only a successor knows is refused nothing, with a lease that is %s',
  async (lease) => {
    const { id: jobId, ...record } = testRecord({}, { shard: harnessShard });
    vi.spyOn(shard.store.jobs, 'findJob').mockResolvedValue({ id: jobId, ...record });
    shard.lease = lease;
    await expect(shard.call('cancel', { jobId, reason: '' })).rejects.toMatchObject(doubt);
    await expect(shard.call('erase', { jobId })).rejects.toMatchObject(doubt);
    await expect(shard.call('reschedule', { jobId, runAtMs: 1 })).rejects.toMatchObject(doubt);
  },
);
