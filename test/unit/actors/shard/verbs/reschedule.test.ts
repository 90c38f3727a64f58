// Jobs that wait for their time: moved, moved again and again, over recoveries, a year ahead; events without gaps.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketMs, type JobId } from '../../../../../src/domain/job-id.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, harnessShard, type ShardHarness } from '../../../../support/shard-harness.ts';
import { PartitionOwner, recordIn } from '../../../../support/stores.ts';

const dayMs = 24 * 3_600_000;

describe('a job that waits for its time', () => {
  let shard: ShardHarness;
  let startMs: number;

  beforeEach(async () => {
    shard = await createShardHarness();
    await shard.start();
    startMs = shard.kit.clock.nowMs();
  });
  afterEach(async () => {
    await shard.close();
  });

  const dueIn = async (aheadMs: number, spec: Partial<JobSpec> = {}): Promise<JobId> =>
    (await shard.call('submit', { spec: testSpec({ runAtMs: startMs + aheadMs, ...spec }) })).record.id;
  const move = (jobId: JobId, toMs: number) => shard.call('reschedule', { jobId, runAtMs: startMs + toMs });
  const at = async (afterMs: number): Promise<void> => {
    await shard.kit.advance(startMs + afterMs - shard.kit.clock.nowMs());
  };
  const seen = async (jobId: JobId) => (await shard.store.jobs.findJob(jobId))?.state;

  it('is moved durably before it is told, later and earlier, over a recovery too', async () => {
    const jobId = await dueIn(10_000);
    expect(await move(jobId, 60_000)).toMatchObject({ record: { state: 'SCHEDULED', readyAtMs: startMs + 60_000 } });
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ readyAtMs: startMs + 60_000 });
    await at(9_000);
    await shard.start();
    await at(30_000);
    expect([await seen(jobId), shard.work]).toEqual(['SCHEDULED', []]);
    await move(jobId, 40_000);
    await at(39_999);
    expect(await seen(jobId)).toBe('SCHEDULED');
    await at(41_000);
    expect(await seen(jobId)).toBe('QUEUED');
    expect(shard.work).toMatchObject([{ jobId }]);
  });

  it('runs now when it is told so, and says the same to who tells it twice', async () => {
    const jobId = await dueIn(10_000);
    for (const order of [{ jobId }, { jobId, runAtMs: 1 }]) {
      expect(await shard.call('reschedule', order)).toMatchObject({ record: { state: 'QUEUED' } });
    }
    await shard.kit.settle();
    expect(shard.work).toHaveLength(1);
    const refusal = { code: 'JOB_STATE_FORBIDS', metadata: { state: 'QUEUED', allowedStates: 'SCHEDULED,RETRYING' } };
    await expect(move(jobId, 60_000)).rejects.toMatchObject(refusal);
  });

  it('cannot be moved while it runs or when it has ended: the answer names its state', async () => {
    const { record } = await shard.call('submit', { spec: testSpec() });
    const grant = await shard.call('claim', { jobId: record.id, node: 'n1', epoch: 1 });
    await expect(move(record.id, 1_000)).rejects.toMatchObject({ metadata: { state: 'RUNNING' } });
    const token = grant.kind === 'granted' ? grant.token : '';
    await shard.call('report', { jobId: record.id, token, outcome: { kind: 'succeeded' } });
    await expect(move(record.id, 1_000)).rejects.toMatchObject({ metadata: { state: 'SUCCEEDED' } });
    const unknown = record.id.replace(/....$/, 'ffff') as JobId;
    await expect(move(unknown, 1_000)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('whose move a crash took back fires at its old time; whose move was told does not', async () => {
    const [lost, kept] = [await dueIn(10_000), await dueIn(10_000)];
    await move(kept, 30_000);
    shard.fates.push('lost-and-unknown');
    const untold = shard
      .send('reschedule', { jobId: lost, runAtMs: startMs + 30_000 })
      .catch((error: unknown) => error);
    await shard.kit.settle();
    await shard.start();
    expect(await untold).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await at(11_000);
    expect([await seen(lost), await seen(kept)]).toEqual(['QUEUED', 'SCHEDULED']);
  });

  it('that was accepted a year ago for today is there today, whoever owns the shard by now', async () => {
    await shard.stop();
    const bucket = Math.floor((startMs - 365 * dayMs) / bucketMs) + 1;
    const owner = await PartitionOwner.take(shard.store, { shard: harnessShard, bucket });
    const old = recordIn(owner.partition, { runAtMs: startMs + 5_000, retentionMs: 372 * dayMs });
    await owner.commit([old]);
    await shard.start();
    await at(4_999);
    expect([old.state, await seen(old.id)]).toEqual(['SCHEDULED', 'SCHEDULED']);
    await at(6_000);
    expect(await seen(old.id)).toBe('QUEUED');
  });

  it('keeps its events without gaps, however often it is moved while JetStream is away', async () => {
    const jobId = await dueIn(600_000);
    await shard.kit.settle();
    shard.broker = 'down';
    const moves = Array.from({ length: 110 }, (_, n) =>
      shard.send('reschedule', { jobId, runAtMs: startMs + 600_000 + n * 1_000 }),
    );
    const outcomes = await shard.kit.outcome(Promise.allSettled(moves), 1_000);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED', retryAfterMs: 1_000 } });
    shard.broker = 'up';
    await shard.start();
    // JetStream has them, and has written them to its disk.
    await shard.kit.advance(20_000);
    await shard.call('reschedule', { jobId });
    await shard.kit.settle();
    const numbers = new Set(shard.events.map(({ seq }) => seq));
    const { record } = await shard.call('get', { jobId });
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: record.seq }, (_, n) => n + 1));
  });

  it('is queued at the time that was said last, whatever is moved and however often the owner changes', async () => {
    const plan = fc.array(
      fc.record({
        waitMs: fc.integer({ min: 0, max: 3_000 }),
        aheadMs: fc.integer({ min: -500, max: 6_000 }),
        crash: fc.boolean(),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        startMs = shard.kit.clock.nowMs();
        const jobId = await dueIn(2_000);
        let dueMs = startMs + 2_000;
        for (const { waitMs, aheadMs, crash } of steps) {
          await shard.kit.advance(waitMs);
          const nowMs = shard.kit.clock.nowMs();
          const moved = await shard.call('reschedule', { jobId, runAtMs: nowMs + aheadMs }).then(
            () => true,
            () => false,
          );
          // What had come was not to be moved any more.
          expect(moved).toBe(dueMs > nowMs || aheadMs <= 0);
          if (dueMs > nowMs) dueMs = Math.max(nowMs, nowMs + aheadMs);
          if (crash) await shard.start();
        }
        await shard.kit.advance(10_000);
        const queued = (await shard.store.jobs.findJob(jobId))?.trail.find(({ type }) => type === 'queued');
        const lateMs = (queued?.atMs ?? 0) - dueMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThan(2_000);
      }),
      { numRuns: 40 },
    );
  });
});
