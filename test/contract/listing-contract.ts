/** Listings: newest first, every job once, page tokens that inserts do not disturb, and bounded work per page. */
import { describe, expect, it } from 'vitest';
import { listPartitionsMax } from '../../src/application/storage/job-listing.ts';
import type { JobListPage, JobListQuery } from '../../src/application/ports/job-store.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { composeJobId, idTimeMaxMs, type JobId, jobIdParts, maxUnique } from '../../src/domain/job-id.ts';
import {
  bucketAgo,
  freshQueueNo,
  freshShard,
  PartitionOwner,
  recordIn,
  recordsIn,
  type StoreUnderTest,
} from '../support/stores.ts';

const dayMinutes = 24 * 60;

type Asked = Partial<Omit<JobListQuery, 'queueNo' | 'limit'>>;

function page(store: Store, queueNo: number, limit: number, asked: Asked = {}): Promise<JobListPage> {
  return store.jobs.listJobs({ queueNo, order: 'newest', limit, nowMs: Date.now(), ...asked });
}

async function allPages(
  store: Store,
  queueNo: number,
  limit: number,
  asked: Asked = {},
): Promise<{ ids: JobId[]; pages: JobListPage[] }> {
  const pages: JobListPage[] = [];
  let cursor: JobId | undefined;
  do {
    const found = await page(store, queueNo, limit, { ...asked, ...(cursor !== undefined && { cursor }) });
    expect(found.records.length).toBeLessThanOrEqual(limit);
    pages.push(found);
    cursor = found.next;
  } while (cursor !== undefined && pages.length < 1_000);
  return { ids: pages.flatMap((found) => found.records.map((record) => record.id)), pages };
}

function newestFirst(ids: readonly JobId[]): JobId[] {
  return ids.toSorted((a, b) => (a < b ? 1 : -1));
}

/** Creates jobs of the queue in several shards, minutes and days, with jobs of other queues in between. */
async function spread(store: Store, queueNo: number): Promise<JobId[]> {
  const shards = [freshShard(), freshShard(), freshShard()];
  const ids: JobId[] = [];
  for (const minutesAgo of [0, 1, 2, 90, dayMinutes, dayMinutes + 1, 3 * dayMinutes]) {
    for (const shard of shards) {
      const partition = { shard, bucket: bucketAgo(minutesAgo) };
      const owner = await PartitionOwner.take(store, partition);
      const atMs = (n: number) => (n * 7_001) % 60_000;
      const records = Array.from({ length: 5 }, (_, n) => recordIn(partition, { queueNo, atMs: atMs(n + shard) }));
      await owner.commit([...records, ...recordsIn(partition, 3, { queueNo: queueNo + 500_000 })]);
      ids.push(...records.map((record) => record.id));
    }
  }
  return ids;
}

export function describeListing(use: () => StoreUnderTest): void {
  describe('a list of jobs', () => {
    it('of what ended without success is the same as by looking at every job, page by page, in both orders', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const ends = ['FAILED', 'SUCCEEDED', 'CANCELLED', 'QUEUED', 'EXPIRED'] as const;
      for (const minutesAgo of [0, 3, dayMinutes, 2 * dayMinutes]) {
        const partition = { shard: freshShard(), bucket: bucketAgo(minutesAgo) };
        const owner = await PartitionOwner.take(first, partition);
        const records = recordsIn(partition, 20, { queueNo }).map((record, n): JobRecord => {
          const reason = n % 2 === 0 ? ('POISON' as const) : ('HANDLER_FAILED' as const);
          const state = ends[n % ends.length] ?? 'QUEUED';
          return { ...record, state, ...(state === 'FAILED' && { failure: { reason, message: '' } }) };
        });
        await owner.commit(records);
      }
      const asks = [
        { states: ['FAILED'], reasons: [] },
        { states: ['FAILED'], reasons: ['POISON'] },
        { states: ['CANCELLED', 'EXPIRED'], reasons: [] },
      ] as const;
      for (const ended of asks) {
        const matches = ({ state, failure }: JobRecord): boolean =>
          ended.states.some((known) => known === state) &&
          (ended.reasons.length === 0 || ended.reasons.some((known) => known === failure?.reason));
        for (const order of ['newest', 'oldest'] as const) {
          const looked = await allPages(second, queueNo, 100, { order, matches });
          const told = await allPages(second, queueNo, 3, { order, matches, ended });
          expect(looked.ids.length).toBeGreaterThan(4);
          expect(told.ids).toEqual(looked.ids);
        }
      }
    });

    it('does not take a flag for the end of a job whose commit was refused', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const former = await PartitionOwner.take(first, partition);
      const job = recordIn(partition, { queueNo });
      await former.commit([job]);
      const owner = await PartitionOwner.take(second, partition);
      expect(await former.commit([{ ...job, state: 'FAILED' }])).toBe('deposed');
      const failed = {
        ended: { states: ['FAILED'], reasons: [] },
        matches: ({ state }: JobRecord) => state === 'FAILED',
      } as const;
      expect((await page(second, queueNo, 10, failed)).records).toEqual([]);
      await owner.commit([{ ...job, state: 'CANCELLED' }]);
      expect((await page(second, queueNo, 10, failed)).records).toEqual([]);
      const cancelled = { ended: { states: ['CANCELLED'], reasons: [] } } as const;
      expect((await page(second, queueNo, 10, cancelled)).records.map(({ id }) => id)).toEqual([job.id]);
    });

    it('is newest first and complete over shards, minutes and days, at any page size', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const expected = newestFirst(await spread(first, queueNo));
      expect(expected).toHaveLength(105);
      for (const limit of [1, 7, 104, 105, 1_000]) {
        const { ids, pages } = await allPages(second, queueNo, limit);
        expect(ids).toEqual(expected);
        expect(pages).toHaveLength(Math.ceil(105 / limit));
      }
    });

    it('is oldest first just as well, and takes a range of time to the millisecond', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const oldest = newestFirst(await spread(first, queueNo)).toReversed();
      for (const limit of [7, 104, 1_000]) {
        expect((await allPages(second, queueNo, limit, { order: 'oldest' })).ids).toEqual(oldest);
      }
      const at = (position: number): number => jobIdParts(oldest[position] ?? ('' as JobId)).createdAtMs;
      const range = { createdFromMs: at(20), createdBeforeMs: at(80) };
      const inside = oldest.filter((id) => {
        const { createdAtMs } = jobIdParts(id);
        return createdAtMs >= range.createdFromMs && createdAtMs < range.createdBeforeMs;
      });
      expect(inside.length).toBeGreaterThan(10);
      expect((await allPages(second, queueNo, 9, { order: 'oldest', ...range })).ids).toEqual(inside);
      expect((await allPages(second, queueNo, 9, range)).ids).toEqual(inside.toReversed());
      expect((await page(second, queueNo, 9, { createdFromMs: at(0) + 10 * 86_400_000 })).records).toEqual([]);
    });

    it('leaves out what does not match, in either order', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const all = newestFirst(await spread(first, queueNo));
      const wanted = all.filter((_, n) => n % 10 === 3);
      const matches = ({ id }: JobRecord): boolean => wanted.includes(id);
      expect((await allPages(second, queueNo, 3, { matches })).ids).toEqual(wanted);
      expect((await allPages(second, queueNo, 3, { matches, order: 'oldest' })).ids).toEqual(wanted.toReversed());
    });

    it('shows the newest state of each job', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      const record = recordIn(partition, { queueNo });
      await owner.commit([record]);
      const done = { ...record, state: 'SUCCEEDED' as const, seq: 3 };
      await owner.commit([done]);
      expect(await page(second, queueNo, 10)).toEqual({ records: [done] });
    });

    it('continues where it was although newer jobs arrive and older ones change', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(1) };
      const owner = await PartitionOwner.take(first, partition);
      const records = recordsIn(partition, 30, { queueNo, atMs: 500 });
      await owner.commit(records);
      const head = await page(second, queueNo, 10);
      await owner.commit([
        ...recordsIn(partition, 20, { queueNo, atMs: 600 }),
        ...records.slice(0, 5).map((record) => ({ ...record, attempt: 1 })),
      ]);
      const tail = await page(second, queueNo, 20, { ...(head.next !== undefined && { cursor: head.next }) });
      expect([...head.records, ...tail.records].map((record) => record.id)).toEqual(
        newestFirst(records.map((record) => record.id)),
      );
      expect(tail.next).toBeUndefined();
      expect(tail.records.filter((record) => record.attempt === 1)).toHaveLength(5);
    });

    it('may be as long as the longest page, from one busy minute', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const partition = { shard: freshShard(), bucket: bucketAgo(0) };
      const owner = await PartitionOwner.take(first, partition);
      const groups = [500, 500, 200].map((size) => recordsIn(partition, size, { queueNo }));
      for (const group of groups) await owner.commit(group);
      const { ids, pages } = await allPages(second, queueNo, 1_000);
      expect(ids).toEqual(newestFirst(groups.flat().map((record) => record.id)));
      expect(pages.map((one) => one.records.length)).toEqual([1_000, 200]);
    });

    it('and a look at a job of the last possible instant, or past it, find nothing', async () => {
      const { second } = use();
      const id = composeJobId({ createdAtMs: idTimeMaxMs, shard: 0, queueNo: 1 }, maxUnique);
      expect(await second.jobs.findJob(id)).toBeUndefined();
      const flagged = { states: ['FAILED'], reasons: [] } as const;
      for (const createdFromMs of [idTimeMaxMs, 2 ** 48, Number.MAX_SAFE_INTEGER]) {
        for (const order of ['newest', 'oldest'] as const) {
          const query = { queueNo: 1, order, limit: 9, nowMs: Date.now(), createdFromMs };
          expect(await second.jobs.listJobs(query)).toEqual({ records: [] });
          expect(await second.jobs.listJobs({ ...query, ended: flagged })).toEqual({ records: [] });
          expect(await second.jobs.listJobs({ ...query, cursor: id })).toEqual({ records: [] });
        }
      }
    });

    it('of a queue without jobs is empty', async () => {
      expect(await page(use().first, freshQueueNo(), 10)).toEqual({ records: [] });
    });

    it('opens a bounded number of partitions per page and still finds everything', async () => {
      const { first, second } = use();
      const queueNo = freshQueueNo();
      const shard = freshShard();
      const { epoch } = await first.jobs.takeShard(shard, 'a');
      const buckets = Array.from({ length: listPartitionsMax + 16 }, (_, n) => bucketAgo(n * 3));
      const ids = await Promise.all(
        buckets.map(async (bucket) => {
          const owner = await PartitionOwner.open(first, { shard, bucket }, epoch);
          const record = recordIn({ shard, bucket }, { queueNo });
          await owner.commit([record]);
          return record.id;
        }),
      );
      const { ids: found, pages } = await allPages(second, queueNo, 1_000);
      expect(found).toEqual(newestFirst(ids));
      expect(pages.map((one) => one.records.length)).toEqual([listPartitionsMax, 16]);
    });
  });
}
