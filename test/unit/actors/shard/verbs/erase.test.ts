// Erasing the payloads of an ended job: the record keeps all else, once and for good, over crashes and recoveries.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Payload } from '../../../../../src/domain/job.ts';
import { bucketMs, type JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

const secret = 'secret';
const inline: Payload = { kind: 'json', json: `"${secret}"` };

describe('erasing the payloads of a job', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  const submit = async (): Promise<JobId> =>
    (await shard.call('submit', { spec: testSpec({ input: inline, labels: { a: 'b' } }) })).record.id;

  async function ended(): Promise<JobId> {
    const jobId = await submit();
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    const outcome = { kind: 'succeeded', output: inline } as const;
    await shard.call('report', { jobId, token: grant.token, outcome });
    return jobId;
  }

  const erase = async (jobId: JobId) => (await shard.call('erase', { jobId })).record;

  it('leaves all the rest of the record as it was, in memory and in the store', async () => {
    const jobId = await ended();
    const before = (await shard.call('get', { jobId })).record;
    const events = shard.events.length;
    await shard.kit.advance(5_000);
    const after = await erase(jobId);
    const { payloadsErasedAtMs, ...rest } = after;
    const erased = { kind: 'erased' };
    expect(rest).toEqual({ ...before, spec: { ...before.spec, input: erased }, output: erased });
    expect(payloadsErasedAtMs).toBeGreaterThanOrEqual(before.updatedAtMs + 5_000);
    expect(await shard.store.jobs.findJob(jobId)).toEqual(after);
    expect((await shard.call('get', { jobId })).record).toEqual(after);
    expect(JSON.stringify(after)).not.toContain(secret);
    expect(shard.events).toHaveLength(events);
  });

  it('is refused while the job has not ended', async () => {
    const jobId = await submit();
    const refusal = { code: 'JOB_STATE_FORBIDS', metadata: { jobId, state: 'QUEUED' } };
    await expect(erase(jobId)).rejects.toMatchObject(refusal);
    await shard.call('cancel', { jobId, reason: '' });
    expect(await erase(jobId)).toMatchObject({ state: 'CANCELLED', spec: { input: { kind: 'erased' } } });
    await expect(erase('01960000-0000-7000-8000-000000000000' as JobId)).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    });
  });

  it('has happened once, at one time, however often and by however many it is asked for', async () => {
    const jobId = await ended();
    shard.fates.push('unavailable', 'done-but-unknown', 'lost-and-unknown');
    const asked = [erase(jobId), erase(jobId)];
    await shard.kit.advance(3_000);
    const times = new Set((await Promise.all(asked)).map((record) => record.payloadsErasedAtMs));
    await shard.kit.advance(3_000);
    times.add((await erase(jobId)).payloadsErasedAtMs);
    await shard.start();
    times.add((await erase(jobId)).payloadsErasedAtMs);
    expect([...times]).toEqual([expect.any(Number)]);
  });

  it('works for a job of a minute that was sealed, which is sealed again', async () => {
    const jobId = await ended();
    await shard.kit.advance(6 * bucketMs);
    await shard.start();
    expect(await shard.store.jobs.openBuckets(3)).toEqual([]);
    expect((await erase(jobId)).payloadsErasedAtMs).toBeDefined();
    await shard.kit.advance(5_000);
    expect(await shard.store.jobs.openBuckets(3)).toEqual([]);
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { kind: 'erased' } });
  });
});
