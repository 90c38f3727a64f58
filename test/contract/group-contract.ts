/** Group commits are atomic, visible to everyone once acknowledged, and decidable if the answer was lost. */
import { describe, expect, it } from 'vitest';
import { commitGroupMax } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import {
  bucketAgo,
  freshShard,
  type LossyStore,
  PartitionOwner,
  readAll,
  recordIn,
  recordsIn,
  type StoreUnderTest,
} from '../support/stores.ts';

function byId(records: readonly JobRecord[]): readonly JobRecord[] {
  return records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function freshPartition(): { readonly shard: number; readonly bucket: number } {
  return { shard: freshShard(), bucket: bucketAgo(0) };
}

export function describeGroups(use: () => StoreUnderTest): void {
  describe('a group', () => {
    it('of the largest size is there as a whole, and its rows can be replaced', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      const records = recordsIn(partition, commitGroupMax);
      expect(await owner.commit(records)).toBe('applied');
      expect(byId(await readAll(second, partition))).toEqual(byId(records));
      const changed = records.map((record) => ({ ...record, state: 'RUNNING' as const, attempt: 1, seq: 2 }));
      expect(await owner.commit(changed)).toBe('applied');
      expect(byId(await readAll(second, partition))).toEqual(byId(changed));
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 2 });
    });

    it('is seen by every client as soon as it is acknowledged', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      for (let n = 0; n < 20; n += 1) {
        const record = recordIn(partition);
        await owner.commit([record]);
        expect(await second.jobs.findJob(record.id)).toEqual(record);
      }
    });

    it('under a wrong count is a broken promise of the caller and writes nothing', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      await owner.commit([recordIn(partition)]);
      const late = recordIn(partition);
      await expect(first.jobs.commit({ ...owner.group([late]), commits: 0 })).rejects.toThrow(/invariant broken/);
      await expect(first.jobs.commit({ ...owner.group([late]), commits: 2 })).rejects.toThrow(/invariant broken/);
      expect(await second.jobs.findJob(late.id)).toBeUndefined();
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 1 });
    });

    it('with a record of another partition, or too many, is refused before anything is written', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      const mine = recordIn(partition);
      const strayed = recordIn({ ...partition, bucket: partition.bucket - 1 });
      await expect(owner.commit([mine, strayed])).rejects.toThrow(/invariant broken/);
      await expect(owner.commit(recordsIn(partition, commitGroupMax + 1))).rejects.toThrow(/invariant broken/);
      expect(await readAll(second, partition)).toEqual([]);
    });

    it('in a partition that nobody opened is refused', async () => {
      const { first } = use();
      const partition = freshPartition();
      const { epoch } = await first.jobs.takeShard(partition.shard, 'a');
      const group = { partition, epoch, commits: 0, records: [recordIn(partition)] };
      expect(await first.jobs.commit(group)).toBe('deposed');
      expect(await readAll(first, partition)).toEqual([]);
    });

    it('of one owner never tears, whatever another owner does meanwhile', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      let owner = await PartitionOwner.take(first, partition);
      const rows = recordsIn(partition, 10);
      for (let n = 0; n < 12; n += 1) {
        // Two owners send the same group number at once. Exactly one of them is still allowed to.
        const rival = await PartitionOwner.take(n % 2 === 0 ? second : first, partition);
        const outcomes = await Promise.all(
          [owner, rival].map((writer, who) => writer.commit(rows.map((row) => ({ ...row, attempt: n * 2 + who })))),
        );
        expect(outcomes).toEqual(['deposed', 'applied']);
        const turn = n * 2 + 1;
        expect(new Set((await readAll(first, partition)).map((row) => row.attempt))).toEqual(new Set([turn]));
        owner = rival;
      }
    });

    it('larger than a page is read back row by row', async () => {
      const { first, second } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      const records = Array.from({ length: 3 }, () => recordsIn(partition, 500)).flat();
      for (let at = 0; at < records.length; at += 500) await owner.commit(records.slice(at, at + 500));
      expect(byId(await readAll(second, partition))).toEqual(byId(records));
    });

    it('may hold nothing: it only counts', async () => {
      const { first } = use();
      const partition = freshPartition();
      const owner = await PartitionOwner.take(first, partition);
      expect(await owner.commit([])).toBe('applied');
      expect(await first.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 1 });
    });
  });

  describe('an unknown outcome', () => {
    let lossy: LossyStore | undefined;
    const lossyStore = async (): Promise<LossyStore> => (lossy ??= await use().harness.openLossy());

    it('whose group was written is told by the count', async () => {
      const { second } = use();
      const partition = freshPartition();
      const { store, lose, heal } = await lossyStore();
      const owner = await PartitionOwner.take(store, partition);
      const before = recordIn(partition);
      await owner.commit([before]);
      const records = recordsIn(partition, 5);
      lose('reply');
      await expect(owner.commit(records)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      await heal();
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 2 });
      expect(byId(await readAll(second, partition))).toEqual(byId([before, ...records]));
      owner.commits = 2;
      expect(await owner.commit([recordIn(partition)])).toBe('applied');
    });

    it('whose group never arrived is told by the count, and the group can be sent again', async () => {
      const { second } = use();
      const partition = freshPartition();
      const { store, lose, heal } = await lossyStore();
      const owner = await PartitionOwner.take(store, partition);
      const before = recordIn(partition);
      await owner.commit([before]);
      const records = recordsIn(partition, 5);
      lose('request');
      await expect(owner.commit(records)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      await heal();
      expect(await second.jobs.readCommits(partition)).toEqual({ epoch: owner.epoch, commits: 1 });
      expect(await readAll(second, partition)).toEqual([before]);
      expect(await owner.commit(records)).toBe('applied');
      expect(byId(await readAll(second, partition))).toEqual(byId([before, ...records]));
    });
  });
}
