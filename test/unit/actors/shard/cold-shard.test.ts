/** Jobs that wait far from their turn cost a shard a few bytes each, and everything else is as if they were in memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatchWindows } from '../../../../src/actors/shard/services/dispatch-windows.ts';
import type { ClaimResult } from '../../../../src/application/ports/shard-protocol.ts';
import type { JobSpec, UniqueKey } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../support/shard-harness.ts';

const window = 4;
/** So long facts are remembered that JetStream may still lose. They count as memory, too. */
const factsMs = 20_000;
/** Room for the first cold jobs. */
const arenaBytes = 300_000;
/** A job whose record is in memory counts at least this. */
const warmBytes = 900;

let shard: ShardHarness;

beforeEach(async () => {
  const dispatchWindows = new DispatchWindows({ floor: { most: window, least: window }, outMax: 1_000, most: window });
  shard = await createShardHarness({ backlogMax: 10_000, dispatchWindows, memoryTightBytes: 0 });
  await shard.start();
});
afterEach(() => shard.close());

async function submit(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const ids: JobId[] = [];
  for (let n = 0; n < count; n += 200) {
    const items = Array.from({ length: Math.min(200, count - n) }, () => ({ spec: testSpec(overrides) }));
    const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
    ids.push(...results.map(({ record }) => record.id));
  }
  return ids;
}

const keyed = (key: string, contentHash = 'same') => ({ spec: testSpec(), keyHash: key, contentHash });

function nth<T>(all: readonly T[], at: number): T {
  const one = all.at(at);
  if (one === undefined) throw new Error('not there');
  return one;
}

async function claimNext(): Promise<{ readonly jobId: JobId; readonly claimed: ClaimResult } | undefined> {
  const message = shard.work.shift();
  if (message === undefined) return undefined;
  const { jobId, epoch, again = 0 } = message;
  return { jobId, claimed: await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' }) };
}

/** Runs all that comes until nothing comes any more. Returns the jobs in the order of their starts. */
async function runAll(): Promise<JobId[]> {
  const order: JobId[] = [];
  for (let idle = 0; idle < 3; idle += 1) {
    for (let next = await claimNext(); next !== undefined; next = await claimNext()) {
      const { jobId, claimed } = next;
      if (claimed.kind !== 'granted') continue;
      idle = 0;
      order.push(jobId);
      await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
    }
    await shard.kit.advance(1_000);
  }
  return order;
}

describe('jobs that wait far from their turn', () => {
  it('cost a fraction of a record, and nothing once they have run', async () => {
    const jobs = await submit(1_500);
    await shard.kit.advance(factsMs);
    expect(shard.memory.usedBytes / jobs.length).toBeLessThan(warmBytes / 3);
    expect(new Set(await runAll())).toEqual(new Set(jobs));
    await shard.kit.advance(30_000);
    expect(shard.memory.usedBytes).toBeLessThan(arenaBytes + 100_000);
  });

  it('start in the order in which they came, also after a recovery', async () => {
    const jobs = await submit(500);
    await shard.kit.advance(1_000);
    expect(await runAll()).toEqual(jobs);
    const others = await submit(500);
    for (let recoveries = 0; recoveries < 2; recoveries += 1) {
      await shard.kit.advance(1_000);
      shard.work.length = 0;
      await shard.start();
    }
    expect(await runAll()).toEqual(others);
  });

  it('start once the store can be read again', async () => {
    const jobs = await submit(100);
    await shard.kit.advance(1_000);
    shard.reads = 'down';
    await runAll();
    shard.reads = 'up';
    await shard.kit.advance(20_000);
    await runAll();
    for (const jobId of jobs) expect((await shard.store.jobs.findJob(jobId))?.state).toBe('SUCCEEDED');
  });

  it('are found, placed and cancelled', async () => {
    const jobs = await submit(200);
    await shard.kit.advance(1_000);
    const jobId = nth(jobs, 150);
    expect((await shard.call('get', { jobId })).record).toMatchObject({ id: jobId, state: 'QUEUED' });
    expect(await shard.call('place', { jobId })).toMatchObject({ before: 150, waiting: 200 });
    expect(await shard.call('readLog', { jobId, seen: { attempt: 0, number: 0 } })).toEqual({ stored: [], lines: [] });
    const { record } = await shard.call('cancel', { jobId, reason: 'no' });
    expect(record.state).toBe('CANCELLED');
    expect(await shard.call('place', { jobId: nth(jobs, 199) })).toMatchObject({ before: 198, waiting: 199 });
    expect(await runAll()).toEqual(jobs.filter((id) => id !== jobId));
    await expect(shard.call('erase', { jobId: nth(jobs, 0) })).resolves.toMatchObject({
      record: { state: 'SUCCEEDED' },
    });
  });

  it('expire at their time', async () => {
    const jobs = await submit(300, { queueTimeoutMs: 20_000 });
    await shard.kit.advance(19_000);
    expect((await shard.call('get', { jobId: nth(jobs, -1) })).record.state).toBe('QUEUED');
    await shard.kit.advance(2_000);
    for (const jobId of jobs) expect((await shard.store.jobs.findJob(jobId))?.state).toBe('EXPIRED');
  });

  it('are counted where jobs are counted', async () => {
    await submit(100);
    await submit(50, { priority: 0 });
    await submit(70, { runAtMs: shard.kit.clock.nowMs() + 600_000 });
    await shard.kit.advance(2_000);
    const stats = await shard.call('queueStats', { tenant: 'default', queue: 'default' });
    expect(stats).toMatchObject({ later: 70, running: 0 });
    expect(stats.waiting.reduce((sum, one) => sum + one, 0)).toBe(150);
    expect(stats.waiting[0]).toBe(50);
    const { waiting } = await shard.call('load', {});
    expect(waiting).toMatchObject([{ jobs: 150 }]);
  });
});

describe('jobs that wait for a far date', () => {
  it('are due at their time, to the second', async () => {
    const dueMs = shard.kit.clock.nowMs() + 600_000;
    const jobs = await submit(1_500, { runAtMs: dueMs });
    await shard.kit.advance(factsMs);
    expect(shard.memory.usedBytes / jobs.length).toBeLessThan(warmBytes / 2);
    await shard.kit.advance(dueMs - shard.kit.clock.nowMs() - 10);
    expect(shard.work).toEqual([]);
    await shard.kit.advance(1_000);
    expect(shard.work).toHaveLength(window);
    expect(new Set(await runAll())).toEqual(new Set(jobs));
  });

  it('may be rescheduled, and wait on after a recovery', async () => {
    const dueMs = shard.kit.clock.nowMs() + 600_000;
    const [jobId = '' as JobId, other = '' as JobId] = await submit(2, { runAtMs: dueMs });
    await shard.kit.advance(1_000);
    await shard.start();
    await shard.kit.advance(1_000);
    await shard.call('reschedule', { jobId });
    await shard.kit.advance(1_000);
    expect(shard.work.map((one) => one.jobId)).toEqual([jobId]);
    await shard.call('reschedule', { jobId: other, runAtMs: dueMs + 60_000 });
    await shard.kit.advance(dueMs + 50_000 - shard.kit.clock.nowMs());
    expect(shard.work.map((one) => one.jobId)).toEqual([jobId]);
    await shard.kit.advance(11_000);
    expect(shard.work.map((one) => one.jobId)).toEqual([jobId, other]);
  });
});

describe('the idempotency key of a job that waits far from its turn', () => {
  it('finds the job, before and after a recovery', async () => {
    await submit(100);
    const { record } = await shard.call('submit', keyed('k'));
    await shard.kit.advance(3_000);
    expect(await shard.call('submit', keyed('k'))).toMatchObject({ duplicate: true, record: { id: record.id } });
    await shard.start();
    expect(await shard.call('submit', keyed('k'))).toMatchObject({ duplicate: true, record: { id: record.id } });
    await expect(shard.call('submit', keyed('k', 'other'))).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('is in the store before its record leaves the memory', async () => {
    shard.keyWrites = 'down';
    await submit(100);
    await shard.kit.advance(factsMs);
    const before = shard.memory.usedBytes;
    for (let n = 0; n < 100; n += 1) await shard.call('submit', keyed(`k${n}`));
    await shard.kit.advance(factsMs);
    expect(shard.memory.usedBytes - before).toBeGreaterThan(100 * warmBytes);
    shard.keyWrites = 'up';
    await shard.kit.advance(5_000);
    expect(shard.memory.usedBytes - before).toBeLessThan(100 * (warmBytes / 2));
  });
});

describe('the unique key of a job that waits far from its turn', () => {
  const unique = (onConflict: UniqueKey['onConflict']): UniqueKey => ({ key: 'u', onConflict });
  const again = (onConflict: UniqueKey['onConflict']) =>
    shard.call('submit', { spec: testSpec({ unique: unique(onConflict) }) });

  it('belongs to that job, until it is replaced', async () => {
    await submit(100);
    const [holder = '' as JobId] = await submit(1, { unique: unique('reject') });
    await shard.kit.advance(2_000);
    await expect(again('reject')).rejects.toMatchObject({ code: 'UNIQUE_KEY_TAKEN', metadata: { jobId: holder } });
    expect(await again('return-existing')).toMatchObject({ duplicate: true, record: { id: holder } });
    const { record } = await again('replace-waiting');
    expect(record.id).not.toBe(holder);
    expect((await shard.call('get', { jobId: holder })).record.state).toBe('CANCELLED');
    await shard.kit.advance(2_000);
    await shard.start();
    const next = await again('replace');
    expect((await shard.call('get', { jobId: record.id })).record.state).toBe('CANCELLED');
    expect((await runAll()).filter((id) => [holder, record.id, next.record.id].includes(id))).toEqual([next.record.id]);
  });
});
