/** The lists of unfinished jobs that a shard makes of quiet minutes, and what its next owner reads by them. */
import { afterEach, expect, it } from 'vitest';
import { unfinishedListMax } from '../../../../src/application/ports/job-store.ts';
import type { JobRecord, JobSpec } from '../../../../src/domain/job.ts';
import { bucketMs, bucketOf, type JobId, jobIdParts } from '../../../../src/domain/job-id.ts';
import { testRecord, testSpec } from '../../../support/jobs.ts';
import {
  createShardHarness,
  harnessShard,
  type ShardHarness,
  type ShardHarnessOptions,
} from '../../../support/shard-harness.ts';
import { PartitionOwner } from '../../../support/stores.ts';

const hourMs = 3_600_000;
/** Until nothing can be lost in JetStream any more, the minute is quiet, and all jobs were looked at. */
const untilListedMs = 60_000;

let shard: ShardHarness;
afterEach(() => shard.close());

async function begin(options: ShardHarnessOptions = {}): Promise<void> {
  shard = await createShardHarness(options);
  await shard.start();
}

async function submitted(more: Partial<JobSpec> = {}, keyHash?: string): Promise<JobId> {
  const keyed = keyHash === undefined ? {} : { keyHash, contentHash: 'content' };
  return (await shard.call('submit', { spec: testSpec(more), ...keyed })).record.id;
}

async function ended(keyHash?: string): Promise<JobId> {
  const jobId = await submitted({}, keyHash);
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
  await shard.call('report', { jobId, token: grant.token, outcome: { kind: 'succeeded' } });
  return jobId;
}

const far = (keyHash?: string): Promise<JobId> =>
  submitted({ runAtMs: shard.kit.clock.nowMs() + hourMs, retentionMs: 2 * hourMs }, keyHash);

async function listOf(jobId: JobId): Promise<readonly JobId[] | undefined> {
  const partition = { shard: harnessShard, bucket: bucketOf(jobId) };
  const { commits } = await shard.store.jobs.readCommits(partition);
  return shard.store.jobs.findUnfinished(partition, commits);
}

const seen = async (jobId: JobId): Promise<JobRecord> => (await shard.call('get', { jobId })).record;

/** Starts the next owner. Returns whether it read a whole partition. */
async function restarted(): Promise<boolean> {
  let hasReadAll = false;
  shard.onRead = async () => {
    hasReadAll = true;
  };
  await shard.start();
  shard.onRead = undefined;
  return hasReadAll;
}

it('a minute in which one job waits and many have ended is read by its list', async () => {
  await begin();
  const waiting = await far('waits');
  const over = await ended('over');
  for (let count = 0; count < 20; count += 1) await ended();
  expect(await listOf(waiting)).toBeUndefined();
  await shard.kit.advance(untilListedMs);
  expect(await listOf(waiting)).toEqual([waiting]);

  const events = shard.events.length;
  expect(await restarted()).toBe(false);
  expect(shard.events).toHaveLength(events);
  expect((await seen(waiting)).state).toBe('SCHEDULED');
  expect(await submitted({}, 'over')).toBe(over);
  expect(await submitted({ runAtMs: (await seen(waiting)).readyAtMs }, 'waits')).toBe(waiting);
  await shard.kit.advance(hourMs);
  expect((await seen(waiting)).state).toBe('QUEUED');
  expect(shard.work.at(-1)).toMatchObject({ jobId: waiting });
});

it('the next owner need not list the minute again, and its successor goes by the same list', async () => {
  await begin();
  const waiting = await far();
  await shard.kit.advance(untilListedMs);
  const lists: unknown[] = [];
  shard.onList = (list) => lists.push(list);
  expect(await restarted()).toBe(false);
  await shard.kit.advance(untilListedMs);
  expect(await restarted()).toBe(false);
  expect((await seen(waiting)).state).toBe('SCHEDULED');
  expect(lists).toEqual([]);
});

it('after a change the list is void and the minute is read as a whole, until it is listed anew', async () => {
  await begin();
  const [one, other] = [await far(), await far()];
  await shard.kit.advance(untilListedMs);
  expect(new Set(await listOf(one))).toEqual(new Set([one, other]));
  await shard.call('cancel', { jobId: one, reason: '' });
  expect(await listOf(one)).toBeUndefined();
  expect(await restarted()).toBe(true);
  expect((await seen(other)).state).toBe('SCHEDULED');
  await shard.kit.advance(untilListedMs);
  expect(await listOf(one)).toEqual([other]);
  expect(await restarted()).toBe(false);
  expect((await seen(other)).state).toBe('SCHEDULED');
});

it('a minute is not listed while JetStream lacks an event of it', async () => {
  await begin();
  const waiting = await far();
  shard.broker = 'down';
  await submitted();
  await shard.kit.advance(2 * untilListedMs);
  expect(await listOf(waiting)).toBeUndefined();
  shard.broker = 'up';
  await shard.kit.advance(untilListedMs);
  expect(await listOf(waiting)).toHaveLength(2);
});

it('a minute is not listed while the store lacks a key of a job of it', async () => {
  await begin();
  const waiting = await far();
  shard.keyWrites = 'down';
  await ended('key');
  await shard.kit.advance(2 * untilListedMs);
  expect(await listOf(waiting)).toBeUndefined();
  shard.keyWrites = 'up';
  await shard.kit.advance(untilListedMs);
  expect(await listOf(waiting)).toEqual([waiting]);
});

it('cold and warm jobs are listed alike', async () => {
  await begin({ backlogMax: 5_000, memoryTightBytes: 0 });
  const jobs = await Promise.all(Array.from({ length: 50 }, () => far()));
  await shard.kit.advance(untilListedMs);
  expect(new Set(await listOf(jobs[0] ?? (await far())))).toEqual(new Set(jobs));
  expect(await restarted()).toBe(false);
  await shard.kit.advance(hourMs);
  for (const jobId of jobs) expect((await seen(jobId)).state).toBe('QUEUED');
});

it('a minute with more unfinished jobs than a list may have gets none', async () => {
  await begin({ backlogMax: 5_000 });
  const runAtMs = shard.kit.clock.nowMs() + hourMs;
  const items = Array.from({ length: unfinishedListMax + 1 }, () => ({
    spec: testSpec({ runAtMs, retentionMs: 2 * hourMs }),
  }));
  const answers = [];
  for (let at = 0; at < items.length; at += 200) {
    answers.push(...(await shard.kit.outcome(shard.sendAll('submit', items.slice(at, at + 200)))));
  }
  const [first, second] = answers.map(({ record }) => record.id);
  if (first === undefined || second === undefined) throw new Error('no jobs');
  await shard.kit.advance(untilListedMs);
  expect(await listOf(first)).toBeUndefined();
  await shard.call('cancel', { jobId: first, reason: '' });
  await shard.kit.advance(untilListedMs);
  expect(await listOf(second)).toHaveLength(unfinishedListMax);
});

it('while the store takes no lists the shard works on, and lists the minute once it does', async () => {
  await begin();
  const waiting = await far();
  shard.onList = () => {
    throw new Error('a test says so');
  };
  await shard.kit.advance(2 * untilListedMs);
  expect(await listOf(waiting)).toBeUndefined();
  expect(shard.kit.events.some(({ type }) => type === 'crashed')).toBe(false);
  shard.onList = undefined;
  await shard.kit.advance(untilListedMs);
  expect(await listOf(waiting)).toEqual([waiting]);
});

it('an owner whose clock is behind a minute reads it as a whole, so that its jobs get later ids', async () => {
  shard = await createShardHarness();
  const bucket = Math.floor(shard.kit.clock.nowMs() / bucketMs) + 10;
  const submittedAt = (ms: number): JobRecord =>
    testRecord({ retentionMs: 2 * hourMs }, { shard: harnessShard, nowMs: bucket * bucketMs + ms });
  const [waiting, over] = [submittedAt(1_000), submittedAt(30_000)];
  const former = await PartitionOwner.take(shard.store, { shard: harnessShard, bucket });
  await former.commit([waiting, { ...over, state: 'SUCCEEDED', finishedAtMs: over.updatedAtMs }]);
  await shard.store.jobs.listUnfinished(former.partition, { commits: former.commits, ids: [waiting.id] });

  expect(await restarted()).toBe(true);
  expect(jobIdParts(await submitted()).createdAtMs).toBeGreaterThan(over.createdAtMs);
});
