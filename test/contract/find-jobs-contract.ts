/** Records of one partition by id: what is there, at its newest, and nothing else. */
import { describe, expect, it } from 'vitest';
import { findJobsMax } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import {
  bucketAgo,
  ended,
  freshQueueNo,
  freshShard,
  PartitionOwner,
  recordIn,
  recordsIn,
  type StoreUnderTest,
} from '../support/stores.ts';

function byId(records: readonly JobRecord[]): readonly JobRecord[] {
  return records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function idsOf(records: readonly JobRecord[]): readonly JobRecord['id'][] {
  return records.map(({ id }) => id);
}

export function describeFindJobs(use: () => StoreUnderTest): void {
  describe('some jobs of a partition', () => {
    it('are found by id, of several queues, each once, without those that nobody asked for', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      const queues = [freshQueueNo(), freshQueueNo(), freshQueueNo()];
      const records = queues.flatMap((queueNo) => recordsIn(partition, 40, { queueNo }));
      await owner.commit(records);
      const asked = records.filter((_, n) => n % 3 === 0).toReversed();
      expect(byId(await second.jobs.findJobs(partition, idsOf(asked)))).toEqual(byId(asked));
      const one = asked.slice(0, 1);
      expect(await second.jobs.findJobs(partition, [...idsOf(one), ...idsOf(one)])).toEqual(one);
      expect(await second.jobs.findJobs(partition, [])).toEqual([]);
    });

    it('are missing if they are unknown, or lie in another partition', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const others = [
        { ...partition, bucket: partition.bucket - 1 },
        { ...partition, shard: freshShard() },
      ];
      const mine = recordIn(partition);
      const strayed = others.map((other) => recordIn(other));
      await (await PartitionOwner.take(first, partition)).commit([mine]);
      for (const [n, other] of others.entries()) {
        await (await PartitionOwner.take(first, other)).commit(strayed.slice(n, n + 1));
      }
      const asked = idsOf([recordIn(partition), ...strayed, mine]);
      expect(await second.jobs.findJobs(partition, asked)).toEqual([mine]);
      expect(await second.jobs.findJobs({ ...partition, bucket: partition.bucket - 2 }, asked)).toEqual([]);
    });

    it('are as the last commit left them, whoever asks', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      let records = recordsIn(partition, 20);
      await owner.commit(records);
      for (let seq = 2; seq < 8; seq += 1) {
        const changed = records.map((record, n) => (n % seq === 0 ? { ...record, attempt: seq, seq } : record));
        await owner.commit(changed.filter((_, n) => n % seq === 0));
        records = changed;
        for (const { jobs } of [first, second]) {
          expect(byId(await jobs.findJobs(partition, idsOf(records)))).toEqual(byId(records));
        }
      }
    });

    it('are as a commit left them whose answer was lost, once its outcome is known', async () => {
      const { second, harness } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const { store, lose, heal } = await harness.openLossy();
      const owner = await PartitionOwner.take(store, partition);
      const records = recordsIn(partition, 5);
      await owner.commit(records);
      const changed = records.map((record) => ({ ...record, attempt: 1, seq: 2 }));
      lose('reply');
      await expect(owner.commit(changed)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      await heal();
      expect((await second.jobs.readCommits(partition)).commits).toBe(2);
      for (const { jobs } of [store, second]) {
        expect(byId(await jobs.findJobs(partition, idsOf(records)))).toEqual(byId(changed));
      }
    });

    it('are missing past their retention, unless they have not ended', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(2 * 24 * 60) };
      const owner = await PartitionOwner.take(first, partition);
      const overdue = recordIn(partition, { retentionMs: 60_000 });
      const over = ended(recordIn(partition, { retentionMs: 60_000 }));
      const kept = ended(recordIn(partition));
      await owner.commit([overdue, over, kept]);
      const found = await second.jobs.findJobs(partition, idsOf([over, kept, overdue]));
      expect(byId(found)).toEqual(byId([overdue, kept]));
    });

    it('are at most a hundred: those are found, and a question for more is refused', async () => {
      const { first, second } = use();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      const records = Array.from({ length: findJobsMax + 1 }, () => recordIn(partition, { queueNo: freshQueueNo() }));
      await owner.commit(records);
      const most = records.slice(1);
      expect(findJobsMax).toBe(100);
      expect(byId(await second.jobs.findJobs(partition, idsOf(most)))).toEqual(byId(most));
      await expect(second.jobs.findJobs(partition, idsOf(records))).rejects.toThrow(/at most findJobsMax jobs/);
    });
  });
}
