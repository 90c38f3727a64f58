/** The end of a retention at its shard: nothing unfinished is ever just gone, whoever was away at the time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobRecord, JobSpec } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let shard: ShardHarness;

beforeEach(async () => {
  shard = await startShardHarness();
});
afterEach(() => shard.close());

const submitted = async (overrides: Partial<JobSpec> = {}): Promise<JobId> =>
  (await shard.call('submit', { spec: testSpec({ retentionMs: minuteMs, ...overrides }) })).record.id;
const seen = async (jobId: JobId): Promise<JobRecord> => (await shard.call('get', { jobId })).record;
const eventsOf = (jobId: JobId): readonly string[] =>
  shard.events.filter((event) => event.jobId === jobId).map(({ type }) => type);

async function claimed(jobId: JobId) {
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
  return grant;
}

describe('a job whose retention ends', () => {
  it('while it waits, as in a paused queue, is EXPIRED at that time with its event, and readable for as long again', async () => {
    const jobId = await submitted();
    await shard.kit.advance(minuteMs - 1_000);
    expect((await seen(jobId)).state).toBe('QUEUED');
    await shard.kit.advance(1_000);
    expect(await seen(jobId)).toMatchObject({ state: 'EXPIRED', failure: { reason: 'DEADLINE_EXCEEDED' } });
    expect(eventsOf(jobId)).toEqual(['queued', 'expired']);
    await shard.kit.advance(minuteMs - 2_000);
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'EXPIRED' });
    await shard.kit.advance(3_000);
    expect(await shard.store.jobs.findJob(jobId)).toBeUndefined();
  });

  it.each([minuteMs, hourMs])('while no owner lives, for %i ms past it, is ended by the next one', async (awayMs) => {
    const waiting = await submitted();
    const scheduled = await submitted({ runAtMs: shard.kit.clock.nowMs() + minuteMs / 2 });
    const running = await submitted();
    await claimed(running);
    await shard.kit.advance(1_000);
    await shard.stop();
    await shard.kit.advance(minuteMs + awayMs);
    await shard.start();
    await shard.kit.advance(10_000);
    expect(await Promise.all([waiting, scheduled, running].map(seen))).toMatchObject([
      { state: 'EXPIRED', failure: { reason: 'DEADLINE_EXCEEDED' } },
      { state: 'EXPIRED', failure: { reason: 'DEADLINE_EXCEEDED' } },
      { state: 'FAILED', failure: { reason: 'DEADLINE_EXCEEDED' } },
    ]);
    expect([waiting, scheduled, running].map((jobId) => eventsOf(jobId).at(-1))).toEqual([
      'expired',
      'expired',
      'failed',
    ]);
  });

  it('while it runs is told to its node as the deadline; a success that is reported late is recorded and kept', async () => {
    const jobId = await submitted();
    const { record } = await shard.call('get', { jobId });
    const grant = await claimed(jobId);
    expect(grant.deadlineAtMs).toBe(record.createdAtMs + minuteMs);
    expect(grant.nowMs).toBe(shard.kit.clock.nowMs());
    for (let n = 0; n < 65; n += 1) {
      await shard.call('heartbeat', { node: 'n1', runs: [{ jobId, token: grant.token }] });
      await shard.kit.advance(1_000);
    }
    const outcome = { kind: 'succeeded', output: { kind: 'json', json: '1' } } as const;
    expect(await shard.call('report', { jobId, token: grant.token, outcome })).toEqual({
      kind: 'recorded',
      state: 'SUCCEEDED',
    });
    await shard.kit.advance(minuteMs - 2_000);
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'SUCCEEDED' });
  });
});
