/** Fencing: a former owner can change nothing, be it a job, a bucket or a watermark. */
import { describe, expect, it } from 'vitest';
import type { Watermark } from '../../src/application/ports/job-store.ts';
import { bucketAgo, freshShard, PartitionOwner, readAll, recordIn, type StoreUnderTest } from '../support/stores.ts';

function watermark(dispatchedThroughMs: number): Watermark {
  return { streams: 'work@1,events@1', dispatchedThroughMs, eventsThroughMs: dispatchedThroughMs };
}

export function describeFencing(use: () => StoreUnderTest): void {
  describe('epochs', () => {
    it('grow by one with each owner', async () => {
      const { first, second } = use();
      const shard = freshShard();
      expect(await first.jobs.takeShard(shard, 'a')).toEqual({ epoch: 1 });
      expect(await second.jobs.takeShard(shard, 'b')).toEqual({ epoch: 2 });
      expect(await first.jobs.takeShard(shard, 'a')).toEqual({ epoch: 3 });
    });

    it('are never given twice, however many take the shard at once', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const takes = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? first : second).jobs.takeShard(shard, 'same'));
      const epochs = (await Promise.all(takes)).map((grant) => grant.epoch).sort((a, b) => a - b);
      expect(epochs).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
  });

  describe('an owner that asks', () => {
    it('is told whether the shard is still its own', async () => {
      const { first, second } = use();
      const shard = freshShard();
      expect(await first.jobs.ownsShard(shard, 1)).toBe(false);
      const old = await first.jobs.takeShard(shard, 'old');
      expect(await first.jobs.ownsShard(shard, old.epoch)).toBe(true);
      const present = await second.jobs.takeShard(shard, 'new');
      expect(await first.jobs.ownsShard(shard, old.epoch)).toBe(false);
      expect(await first.jobs.ownsShard(shard, present.epoch)).toBe(true);
    });
  });

  describe('a deposed owner', () => {
    it('cannot commit: nothing of its group is written', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const old = await PartitionOwner.take(first, partition);
      const kept = recordIn(partition);
      expect(await old.commit([kept])).toBe('applied');
      const present = await PartitionOwner.take(second, partition);
      expect(present.commits).toBe(1);

      const late = recordIn(partition);
      expect(await old.commit([{ ...kept, attempt: 9 }, late])).toBe('deposed');

      expect(await second.jobs.findJob(kept.id)).toEqual(kept);
      expect(await second.jobs.findJob(late.id)).toBeUndefined();
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: present.epoch, commits: 1 });
      expect(await present.commit([late])).toBe('applied');
    });

    it('is refused also when it raced the recovery: what was acknowledged is there, the rest is not', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const old = await PartitionOwner.take(first, partition);
      const acknowledged: string[] = [];
      let refused: string | undefined;
      const writing = (async () => {
        while (refused === undefined) {
          const record = recordIn(partition);
          if ((await old.commit([record])) === 'applied') acknowledged.push(record.id);
          else refused = record.id;
          // SQLite answers without leaving this thread, so let the other owner have its turn.
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await expect.poll(() => acknowledged.length).toBeGreaterThan(2);
      const present = await PartitionOwner.take(second, partition);
      const seen = (await readAll(second, partition)).map((record) => record.id);
      await writing;
      // Everything that was ever acknowledged was there when the new owner had opened and read the partition.
      expect(seen.toSorted()).toEqual(acknowledged.toSorted());
      expect((await readAll(second, partition)).map((record) => record.id).toSorted()).toEqual(seen.toSorted());
      expect(present.commits).toBe(acknowledged.length);
    });

    it('can neither open a bucket anew nor add one', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const bucket = bucketAgo(3);
      const { epoch } = await first.jobs.takeShard(shard, 'old');
      await first.jobs.openBucket({ shard, bucket }, epoch);
      await second.jobs.takeShard(shard, 'new');
      expect(await first.jobs.openBucket({ shard, bucket }, epoch)).toEqual({ kind: 'deposed' });
      expect(await first.jobs.openBucket({ shard, bucket: bucket + 1 }, epoch)).toEqual({ kind: 'deposed' });
    });

    it('has opened no bucket that its successor does not see', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const old = await first.jobs.takeShard(shard, 'old');
      const buckets = Array.from({ length: 20 }, (_, n) => bucketAgo(40) + n);
      // Buckets are opened one after the other while the shard is taken. Each outcome shows on which side of that it
      // fell.
      const opening = (async () => {
        const opened: number[] = [];
        for (const bucket of buckets) {
          if ((await first.jobs.openBucket({ shard, bucket }, old.epoch)).kind === 'opened') opened.push(bucket);
          await new Promise((resolve) => setImmediate(resolve));
        }
        return opened;
      })();
      await expect.poll(async () => (await second.jobs.openBuckets(shard)).length).toBeGreaterThan(1);
      await second.jobs.takeShard(shard, 'new');
      const seen = await second.jobs.openBuckets(shard);
      expect(seen).toEqual(expect.arrayContaining(await opening));
    });

    it('cannot seal a bucket, nor bring a sealed one back', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const partition = { shard, bucket: bucketAgo(2) };
      const old = await first.jobs.takeShard(shard, 'old');
      await first.jobs.openBucket(partition, old.epoch);
      const present = await second.jobs.takeShard(shard, 'new');
      await second.jobs.openBucket(partition, present.epoch);

      await first.jobs.sealBucket(partition, old.epoch);
      expect(await second.jobs.openBuckets(shard)).toEqual([partition.bucket]);

      await second.jobs.sealBucket(partition, present.epoch);
      await first.jobs.openBucket(partition, old.epoch);
      expect(await second.jobs.openBuckets(shard)).toEqual([]);
    });

    it('cannot overwrite the watermark of its successor', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const old = await first.jobs.takeShard(shard, 'old');
      await first.jobs.saveWatermark(shard, old.epoch, watermark(1));
      await first.jobs.saveWatermark(shard, old.epoch, watermark(2));
      const present = await second.jobs.takeShard(shard, 'new');
      expect(present.watermark).toEqual(watermark(2));
      await second.jobs.saveWatermark(shard, present.epoch, watermark(5));
      await first.jobs.saveWatermark(shard, old.epoch, watermark(9));
      expect((await first.jobs.takeShard(shard, 'third')).watermark).toEqual(watermark(5));
    });
  });

  describe('an owner', () => {
    it('may open its bucket again and finds its own count', async () => {
      const { first } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      await owner.commit([recordIn(partition)]);
      expect(await first.jobs.openBucket(partition, owner.epoch)).toEqual({ kind: 'opened', commits: 1 });
    });

    it('finds its open buckets oldest first, without the sealed ones', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const { epoch } = await first.jobs.takeShard(shard, 'a');
      const oldest = bucketAgo(5_000);
      for (const bucket of [oldest + 7, oldest, oldest + 4_000]) await first.jobs.openBucket({ shard, bucket }, epoch);
      expect(await second.jobs.openBuckets(shard)).toEqual([oldest, oldest + 7, oldest + 4_000]);
      await first.jobs.sealBucket({ shard, bucket: oldest }, epoch);
      expect(await second.jobs.openBuckets(shard)).toEqual([oldest + 7, oldest + 4_000]);
      await first.jobs.openBucket({ shard, bucket: oldest }, epoch);
      expect(await second.jobs.openBuckets(shard)).toEqual([oldest, oldest + 7, oldest + 4_000]);
    });
  });
}
