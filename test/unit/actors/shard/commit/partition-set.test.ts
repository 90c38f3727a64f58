/** What a shard asks of its open partitions at each submit, however many of them are at rest. */
import { afterEach, expect, it, vi } from 'vitest';
import { PartitionSet } from '../../../../../src/actors/shard/commit/partition-set.ts';
import { PartitionWriter } from '../../../../../src/actors/shard/commit/partition-writer.ts';
import { defaultShardLimits, type ShardServices } from '../../../../../src/actors/shard/services/shard-services.ts';
import { bucketMs } from '../../../../../src/domain/job-id.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testRecord } from '../../../../support/jobs.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const firstBucket = 28_000_000;

it('only partitions that had decisions are asked what is undurable', () => {
  const services = { store: {}, limits: defaultShardLimits, write: undefined } as unknown as ShardServices;
  const set = new PartitionSet(0, 1, services, createTestKit() as never);
  for (let bucket = firstBucket; bucket < firstBucket + 1_000; bucket += 1) set.adopt(bucket, 1);
  const backlogs = vi.spyOn(PartitionWriter.prototype, 'backlog', 'get');
  const questions = vi.spyOn(PartitionWriter.prototype, 'oldestAtMs');
  expect([set.undurable, set.trouble, set.oldestAtMs()]).toEqual([0, undefined, Infinity]);
  expect(backlogs).not.toHaveBeenCalled();

  const one = testRecord({}, { nowMs: firstBucket * bucketMs, unique: 1n });
  const other = testRecord({}, { nowMs: (firstBucket + 1_000) * bucketMs, unique: 2n });
  for (const record of [one, other]) set.of(record).add(record);
  expect([set.undurable, set.oldestAtMs()]).toEqual([2, one.updatedAtMs]);
  expect(questions).toHaveBeenCalledTimes(2);
  expect(set.undurable).toBe(2);
});

it('a partition whose decisions are durable is asked no more, until it has another', async () => {
  const commit = vi.fn(() => Promise.resolve('applied' as const));
  const metrics = { commitSeconds: { observe: vi.fn() }, commitRecords: { observe: vi.fn() } };
  const services = {
    store: { commit },
    limits: defaultShardLimits,
    metrics,
    write: (write: () => unknown) => write(),
  } as unknown as ShardServices;
  const flights: Promise<unknown>[] = [];
  const context = { clock: createTestKit().clock, pipeToSelf: (flight: Promise<unknown>) => void flights.push(flight) };
  const set = new PartitionSet(0, 1, services, context as never);
  set.adopt(firstBucket, 1);
  const record = testRecord({}, { nowMs: firstBucket * bucketMs });
  for (const commits of [1, 2]) {
    set.of(record).add(record);
    expect(set.undurable).toBe(1);
    set.flush(false);
    await Promise.all(flights);
    expect(set.undurable).toBe(1);
    set.at(firstBucket)?.landed();
    expect([set.undurable, set.oldestAtMs()]).toEqual([0, Infinity]);
    expect(commit).toHaveBeenCalledTimes(commits);
    const backlogs = vi.spyOn(PartitionWriter.prototype, 'backlog', 'get');
    expect(set.undurable).toBe(0);
    expect(backlogs).not.toHaveBeenCalled();
    backlogs.mockRestore();
  }
});

it('one tick looks at some of very many open partitions, and each has its turn', () => {
  const sealBucket = vi.fn(() => Promise.resolve());
  const services = { store: { sealBucket }, limits: defaultShardLimits } as unknown as ShardServices;
  const set = new PartitionSet(0, 1, services, createTestKit() as never);
  const buckets = Array.from({ length: 2_500 }, (_, no) => firstBucket + no);
  for (const bucket of buckets) set.adopt(bucket, 1);
  const inTurn = Array.from({ length: 3 }, () => [...set.someSettled()].map(({ bucket }) => bucket));
  expect(Math.max(...inTurn.map(({ length }) => length))).toBe(1_000);
  expect(new Set(inTurn.flat()).size).toBe(buckets.length);

  const isUsed = vi.fn((bucket: number) => bucket === firstBucket);
  const nowMs = (firstBucket + 10_000) * bucketMs;
  set.seal(nowMs, isUsed);
  expect(isUsed).toHaveBeenCalledTimes(1_000);
  for (let ticks = 0; ticks < 3; ticks += 1) set.seal(nowMs, isUsed);
  expect(sealBucket).toHaveBeenCalledTimes(buckets.length - 1);
  expect(set.settledCommits(firstBucket)).toBe(1);
  expect(set.settledCommits(firstBucket + 1)).toBeUndefined();
});
