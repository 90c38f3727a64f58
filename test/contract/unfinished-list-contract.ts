/** Lists of unfinished jobs: each counts for one number of commits of its partition, whoever wrote it and when. */
import { describe, expect, it } from 'vitest';
import { unfinishedListMax } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { bucketAgo, freshShard, PartitionOwner, recordsIn, type StoreUnderTest } from '../support/stores.ts';

function idsOf(records: readonly JobRecord[]): readonly JobRecord['id'][] {
  return records.map(({ id }) => id);
}

export function describeUnfinishedLists(use: () => StoreUnderTest): void {
  describe('a list of unfinished jobs', () => {
    const owned = async (): Promise<PartitionOwner> =>
      PartitionOwner.take(use().first, { shard: freshShard(), bucket: bucketAgo(0) });

    it('is found by every process, for its number of commits and no other', async () => {
      const { first, second } = use();
      const owner = await owned();
      const { partition } = owner;
      const ids = idsOf(recordsIn(partition, 3));
      await owner.commit(recordsIn(partition, 3));
      expect(await second.jobs.findUnfinished(partition, 1)).toBeUndefined();
      await first.jobs.listUnfinished(partition, { commits: 1, ids });
      expect(await second.jobs.findUnfinished(partition, 1)).toEqual(ids);
      expect(await second.jobs.findUnfinished(partition, 0)).toBeUndefined();
      expect(await second.jobs.findUnfinished(partition, 2)).toBeUndefined();
      expect(await second.jobs.findUnfinished({ ...partition, bucket: partition.bucket - 1 }, 1)).toBeUndefined();
    });

    it('is void after a commit, and replaced by the next one', async () => {
      const { first, second } = use();
      const owner = await owned();
      const { partition } = owner;
      const ids = idsOf(recordsIn(partition, 2));
      await owner.commit(recordsIn(partition, 1));
      await first.jobs.listUnfinished(partition, { commits: 1, ids });
      await owner.commit(recordsIn(partition, 1));
      expect(await second.jobs.findUnfinished(partition, owner.commits)).toBeUndefined();
      await first.jobs.listUnfinished(partition, { commits: 2, ids: ids.slice(1) });
      expect(await second.jobs.findUnfinished(partition, owner.commits)).toEqual(ids.slice(1));
    });

    it('still counts for the next owner, and not if an earlier one was written late', async () => {
      const { first, second } = use();
      const owner = await owned();
      const { partition } = owner;
      const ids = idsOf(recordsIn(partition, 2));
      await owner.commit(recordsIn(partition, 1));
      await first.jobs.listUnfinished(partition, { commits: 1, ids });
      const next = await PartitionOwner.take(second, partition);
      expect(await second.jobs.findUnfinished(partition, next.commits)).toEqual(ids);
      await next.commit(recordsIn(partition, 1));
      await first.jobs.listUnfinished(partition, { commits: 1, ids });
      expect(await second.jobs.findUnfinished(partition, next.commits)).toBeUndefined();
    });

    it('that is ahead of its partition, as after a restore, is gone before the partition has come so far', async () => {
      const { first, second } = use();
      const owner = await owned();
      const { partition } = owner;
      await owner.commit(recordsIn(partition, 1));
      await first.jobs.listUnfinished(partition, { commits: 3, ids: idsOf(recordsIn(partition, 2)) });
      expect(await second.jobs.findUnfinished(partition, owner.commits)).toBeUndefined();
      for (const _ of [2, 3]) await owner.commit(recordsIn(partition, 1));
      expect(await second.jobs.findUnfinished(partition, owner.commits)).toBeUndefined();
    });

    it('may be as long as the bound, and no longer', async () => {
      const { first, second } = use();
      const owner = await owned();
      const { partition } = owner;
      await owner.commit(recordsIn(partition, 1));
      const ids = idsOf(recordsIn(partition, unfinishedListMax));
      await first.jobs.listUnfinished(partition, { commits: 1, ids });
      expect(await second.jobs.findUnfinished(partition, 1)).toEqual(ids);
      const tooMany = [...ids, ...idsOf(recordsIn(partition, 1))];
      await expect((async () => first.jobs.listUnfinished(partition, { commits: 1, ids: tooMany }))()).rejects.toThrow(
        'unfinishedListMax',
      );
    });
  });
}
