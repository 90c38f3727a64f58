/** Expiry: what is past its retention is gone for every reader, and nothing else goes with it. */
import { describe, expect, it } from 'vitest';
import { bucketMs } from '../../src/domain/job-id.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import {
  bucketAgo,
  ended,
  freshQueueNo,
  freshShard,
  keyEntry,
  PartitionOwner,
  readAll,
  recordIn,
  type StoreUnderTest,
} from '../support/stores.ts';

/** Long enough that a slow machine has read what is there, before it expires. */
const shortMs = 5_000;
const patience = { timeout: 15_000, interval: 100 };

export function describeExpiry(use: () => StoreUnderTest): void {
  describe('expiry', () => {
    it('takes a job from every read and leaves its neighbours and the partition alone', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      // Retention counts from the creation, and this job was created at the start of its minute.
      const retentionMs = Date.now() + shortMs - partition.bucket * bucketMs;
      const brief = ended(recordIn(partition, { queueNo, retentionMs }));
      const lasting = recordIn(partition, { queueNo });
      const expiresAtMs = Date.now() + shortMs;
      const key = keyEntry(brief, { expiresAtMs });
      expect(await owner.commit([brief, lasting])).toBe('applied');
      await first.jobs.putKeys(partition.shard, [key]);
      expect(await second.jobs.findJob(brief.id)).toEqual(brief);
      expect((await second.jobs.findKeys(partition.shard, [key.keyHash])).get(key.keyHash)).toEqual(key);

      await expect.poll(() => second.jobs.findJob(brief.id), patience).toBeUndefined();
      await expect
        .poll(async () => (await second.jobs.findKeys(partition.shard, [key.keyHash])).get(key.keyHash), patience)
        .toBeUndefined();
      expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs - 1);
      expect(await readAll(second, partition)).toEqual([lasting]);
      expect(await second.jobs.listJobs({ queueNo, order: 'newest', limit: 10, nowMs: Date.now() })).toEqual({
        records: [lasting],
      });
      expect(await owner.commit([{ ...lasting, attempt: 1 }])).toBe('applied');
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 2 });
    });

    it('does not let a record live for ever that was past its retention when it was written', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(10) };
      const owner = await PartitionOwner.take(first, partition);
      const late = ended(recordIn(partition, { retentionMs: 60_000 }));
      expect(await owner.commit([late])).toBe('applied');
      await expect.poll(() => second.jobs.findJob(late.id), patience).toBeUndefined();
      expect(await owner.commit([recordIn(partition)])).toBe('applied');
    });

    it('leaves a job that has not ended alone: it is found past its retention, and at a recovery', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(2 * 24 * 60) };
      const owner = await PartitionOwner.take(first, partition);
      const overdue = recordIn(partition, { retentionMs: 60_000 });
      const over = ended(recordIn(partition, { retentionMs: 60_000 }));
      expect(await owner.commit([overdue, over])).toBe('applied');
      await second.jobs.takeShard(partition.shard, 'successor');
      expect(await second.jobs.openBuckets(partition.shard)).toEqual([partition.bucket]);
      expect(await readAll(second, partition)).toEqual([overdue]);
      expect(await second.jobs.findJob(overdue.id)).toEqual(overdue);
      expect(await second.jobs.findJob(over.id)).toBeUndefined();
    });

    it('keeps the record of a late end, and lists it', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(2 * 24 * 60) };
      const owner = await PartitionOwner.take(first, partition);
      const overdue = recordIn(partition, { queueNo, retentionMs: 3_600_000 });
      const late: JobRecord = { ...overdue, state: 'FAILED', finishedAtMs: Date.now() };
      const over = [1, 2, 3, 4].map(() => ended(recordIn(partition, { queueNo, retentionMs: 3_600_000 })));
      expect(await owner.commit([...over.slice(0, 2), overdue, ...over.slice(2)])).toBe('applied');
      expect(await owner.commit([late])).toBe('applied');
      expect(await second.jobs.findJob(late.id)).toEqual(late);
      for (const order of ['newest', 'oldest'] as const) {
        const page = await second.jobs.listJobs({ queueNo, order, limit: 1, nowMs: Date.now() });
        expect(page.records).toEqual([late]);
      }
      const flagged = { states: ['FAILED'], reasons: [] } as const;
      const page = await second.jobs.listJobs({
        queueNo,
        order: 'newest',
        limit: 9,
        nowMs: Date.now(),
        ended: flagged,
      });
      expect(page.records).toEqual([late]);
    });

    it('keeps a job that was made a year ago for today, and finds it again at a recovery', async () => {
      const { first, second } = use();
      const dayMs = 24 * 3_600_000;
      const partition = { shard: freshShard(), bucket: bucketAgo(365 * 24 * 60) };
      const owner = await PartitionOwner.take(first, partition);
      const old = recordIn(partition, { runAtMs: Date.now() + dayMs, retentionMs: 372 * dayMs });
      expect(await owner.commit([old])).toBe('applied');
      await second.jobs.takeShard(partition.shard, 'successor');
      expect(await second.jobs.openBuckets(partition.shard)).toEqual([partition.bucket]);
      expect(await readAll(second, partition)).toEqual([old]);
      expect(await second.jobs.findJob(old.id)).toEqual(old);
    });
  });
}
