/** The wall clock of a shard's owner is set: timers, dates, ids and stamps converge, and nothing durable moves back. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobRecord, JobSpec } from '../../../../src/domain/job.ts';
import { type JobId, jobIdParts } from '../../../../src/domain/job-id.ts';
import { testRecord, testSpec } from '../../../support/jobs.ts';
import { harnessShard, type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

const steps = [5_000, 3_600_000, 86_400_000];
const weekMs = 7 * 86_400_000;
const quick = { retry: { maxAttempts: 5, initialMs: 1_000, coefficient: 1, maxMs: 1_000 }, retentionMs: weekMs };

let shard: ShardHarness;

beforeEach(async () => {
  shard = await startShardHarness();
});
afterEach(() => shard.close());

const wallMs = (): number => shard.kit.clock.wallMs();
const submitted = async (overrides: Partial<JobSpec> = {}): Promise<JobRecord> =>
  (await shard.call('submit', { spec: testSpec({ ...quick, ...overrides }) })).record;
const stateOf = async (jobId: JobId): Promise<string> => (await shard.call('get', { jobId })).record.state;

/** Its attempt fails, and the next one is to come within a second. */
async function retrying(): Promise<JobRecord> {
  const record = await submitted();
  const grant = await shard.call('claim', { jobId: record.id, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(grant.kind);
  const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;
  await shard.call('report', {
    jobId: record.id,
    token: grant.token,
    outcome: { kind: 'failed', failure, retryable: true },
  });
  return record;
}

describe.each(steps)('the wall clock is set by %i ms', (stepMs) => {
  it('forward for 1.5 s: as if it had never happened', async () => {
    const later = await submitted({ runAtMs: wallMs() + 1_800_000 });
    shard.kit.clock.stepWall(stepMs);
    const meanwhile = await submitted();
    await shard.kit.advance(1_500);
    shard.kit.clock.stepWall(-stepMs);
    const after = await retrying();
    for (const { id, createdAtMs } of [meanwhile, after]) {
      expect(createdAtMs).toBeLessThanOrEqual(wallMs());
      expect(jobIdParts(id).createdAtMs).toBe(createdAtMs);
    }
    await shard.kit.advance(1_100);
    expect([await stateOf(after.id), await stateOf(later.id)]).toEqual(['QUEUED', 'SCHEDULED']);
    await shard.kit.advance(1_796_000);
    expect(await stateOf(later.id)).toBe('SCHEDULED');
    await shard.kit.advance(2_000);
    expect(await stateOf(later.id)).toBe('QUEUED');
  });

  it('forward for a minute: what is relative takes twice as long at most, dates stay dates, stamps converge', async () => {
    shard.kit.clock.stepWall(stepMs);
    await shard.kit.advance(60_000);
    const ahead = await retrying();
    expect(ahead.createdAtMs).toBe(wallMs());
    shard.kit.clock.stepWall(-stepMs);
    await shard.kit.advance(2_100);
    expect(await stateOf(ahead.id)).toBe('QUEUED');
    const next = await retrying();
    expect(next.id > ahead.id && next.createdAtMs >= ahead.createdAtMs).toBe(true);
    const later = await submitted({ runAtMs: wallMs() + 60_000 });
    expect(later.state).toBe('SCHEDULED');
    const moved = await submitted({ runAtMs: wallMs() + 600_000 });
    await shard.call('reschedule', { jobId: moved.id, runAtMs: wallMs() + 60_000 });
    await shard.kit.advance(2_100);
    expect(await stateOf(next.id)).toBe('QUEUED');
    await shard.kit.advance(57_000);
    expect([await stateOf(later.id), await stateOf(moved.id)]).toEqual(['SCHEDULED', 'SCHEDULED']);
    await shard.kit.advance(2_000);
    expect([await stateOf(later.id), await stateOf(moved.id)]).toEqual(['QUEUED', 'QUEUED']);
    await shard.kit.advance(60_000);
    // Each second the shard comes half a second nearer.
    const skewMs = (await submitted()).createdAtMs - wallMs();
    expect(skewMs).toBeLessThanOrEqual(Math.max(0, stepMs - 60_000));
    expect(skewMs).toBeGreaterThanOrEqual(0);
  });

  it('back: the same, and what was durable is in order', async () => {
    const before = await retrying();
    shard.kit.clock.stepWall(-stepMs);
    const after = await submitted();
    expect(after.id > before.id && after.createdAtMs >= before.createdAtMs).toBe(true);
    await shard.kit.advance(2_100);
    expect(await stateOf(before.id)).toBe('QUEUED');
    const { record } = await shard.call('get', { jobId: before.id });
    expect(record.trail.map(({ atMs }) => atMs)).toEqual(
      record.trail.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
    );
  });

  it('of an owner that was ahead and dies: the next one stamps later than it, and a third one misses no event', async () => {
    shard.kit.clock.stepWall(stepMs);
    await shard.kit.advance(60_000);
    const ahead = await submitted();
    await shard.kit.advance(10_000);
    shard.kit.clock.stepWall(-stepMs);
    await shard.start();
    await shard.kit.advance(10_000);
    shard.broker = 'down';
    const quiet = await submitted();
    expect(quiet.id > ahead.id && quiet.createdAtMs >= ahead.createdAtMs).toBe(true);
    await shard.start();
    shard.broker = 'up';
    await shard.kit.advance(3_000);
    expect(shard.events.filter(({ jobId }) => jobId === quiet.id).map(({ type }) => type)).toEqual(['queued']);
    expect(shard.work.map(({ jobId }) => jobId)).toContain(quiet.id);
  });
});

it('the id and the record of a job say the same instant, also when the clock goes on in between', async () => {
  const { clock } = shard.kit;
  const read = clock.wallMs;
  let looks = 0;
  Object.assign(clock, { wallMs: () => read() + (looks += 1) });
  const record = await submitted();
  expect(looks).toBeGreaterThan(1);
  expect(record.createdAtMs).toBe(jobIdParts(record.id).createdAtMs);
});

/** As an owner leaves it whose clock is so far ahead. */
async function leftAheadBy(aheadMs: number, jobs: number, watermark = false): Promise<void> {
  await shard.stop();
  const { jobs: store } = shard.store;
  const nowMs = wallMs() + aheadMs;
  const { epoch } = await store.takeShard(harnessShard, 'ahead');
  const partition = { shard: harnessShard, bucket: Math.floor(nowMs / 60_000) };
  const opened = await store.openBucket(partition, epoch);
  if (opened.kind !== 'opened') throw new Error(opened.kind);
  const records = Array.from({ length: jobs }, (_, at) =>
    testRecord(quick, { nowMs, shard: harnessShard, unique: BigInt(at) }),
  );
  await store.commit({ partition, epoch, commits: opened.commits, records });
  if (watermark)
    await store.saveWatermark(harnessShard, epoch, {
      streams: shard.streams,
      dispatchedThroughMs: nowMs,
      eventsThroughMs: nowMs,
    });
}

describe('a new owner with a right clock, after one that was ahead', () => {
  it('by less than a week, stamps no earlier than that one', async () => {
    await leftAheadBy(weekMs - 60_000, 60);
    await shard.start();
    expect((await submitted()).createdAtMs).toBeGreaterThanOrEqual(wallMs() + weekMs - 61_000);
  });

  it.each([
    ['in its jobs', false],
    ['in its watermark as well', true],
  ])('by a year %s, believes nothing of it: what was accepted before keeps its time', async (_, watermark) => {
    const before = await submitted();
    await shard.kit.advance(120_000);
    await leftAheadBy(365 * 86_400_000, 60, watermark);
    await shard.start();
    expect(Math.abs((await submitted()).createdAtMs - wallMs())).toBeLessThan(2_000);
    await shard.kit.advance(2_000);
    expect(await stateOf(before.id)).toBe('QUEUED');
  });
});

it('a wall clock that is right again after the machine slept makes due what became due meanwhile', async () => {
  const later = await submitted({ runAtMs: wallMs() + 1_800_000 });
  shard.kit.clock.stepWall(3_600_000);
  await shard.kit.advance(29_000);
  expect(await stateOf(later.id)).toBe('SCHEDULED');
  await shard.kit.advance(3_000);
  expect(await stateOf(later.id)).toBe('QUEUED');
});
