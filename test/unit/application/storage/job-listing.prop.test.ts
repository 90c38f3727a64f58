/** Any spread of jobs over minutes and shards, any range, filter, order and page size: all of them, once, in bounded work. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ListingSource,
  listJobs,
  listPartitionsMax,
  listRowsMax,
} from '../../../../src/application/storage/job-listing.ts';
import type { JobListPage, JobListQuery } from '../../../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../../../src/domain/job.ts';
import { bucketMs, bucketOf, jobIdParts, type JobId } from '../../../../src/domain/job-id.ts';
import { testRecord } from '../../../support/jobs.ts';

const queueNo = 7;
const nowMs = 30_000_000 * bucketMs;

interface Work {
  readonly partitions: Set<string>;
  largestMinute: number;
}

function sourceOf(records: readonly JobRecord[], work: Work): ListingSource {
  const ascending = records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const inOrder = <T>(order: JobListQuery['order'], values: readonly T[]): readonly T[] =>
    order === 'newest' ? values.toReversed() : values;
  const buckets = [...new Set(ascending.map(({ id }) => bucketOf(id)))];
  const shardsOf = (bucket: number) => [
    ...new Set(ascending.filter(({ id }) => bucketOf(id) === bucket).map(({ id }) => jobIdParts(id).shard)),
  ];
  return {
    async *minutes(order, oldest, newest) {
      for (const bucket of inOrder(order, buckets)) {
        if (bucket >= oldest && bucket <= newest) yield { bucket, shards: shardsOf(bucket) };
      }
    },
    async rows({ bucket, shard }, { above, below }, order, limit) {
      work.partitions.add(`${bucket}/${shard}`);
      work.largestMinute = Math.max(work.largestMinute, shardsOf(bucket).length);
      const mine = ascending.filter(({ id }) => bucketOf(id) === bucket && jobIdParts(id).shard === shard);
      return inOrder(
        order,
        mine.filter(({ id }) => id > above && id < below),
      ).slice(0, limit);
    },
  };
}

const job = fc.record({
  minutesAgo: fc.integer({ min: 0, max: 150 }),
  atMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: bucketMs - 1 })),
  shard: fc.integer({ min: 0, max: 80 }),
  unique: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: (1n << 42n) - 1n })),
});

const instant = fc.integer({ min: nowMs - 160 * bucketMs, max: nowMs + bucketMs });
const question = fc.record({
  limit: fc.integer({ min: 1, max: 400 }),
  order: fc.constantFrom('newest' as const, 'oldest' as const),
  createdFromMs: fc.option(instant, { nil: undefined }),
  createdBeforeMs: fc.option(instant, { nil: undefined }),
  everyNth: fc.option(fc.integer({ min: 2, max: 9 }), { nil: undefined }),
});

function toRecords(jobs: readonly { minutesAgo: number; atMs: number; shard: number; unique: bigint }[]) {
  const records = jobs.map(({ minutesAgo, atMs, shard, unique }) =>
    testRecord({ queueNo }, { nowMs: nowMs - minutesAgo * bucketMs + atMs, shard, unique }),
  );
  return [...new Map(records.map((record) => [record.id, record])).values()];
}

describe('pages of a list', () => {
  it('add up to all jobs that are asked for, in order, and each opens a bounded number of partitions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 300 }), question, async (jobs, asked) => {
        const records = toRecords(jobs);
        const { limit, order, createdFromMs, createdBeforeMs, everyNth } = asked;
        const wanted = new Set(
          records.filter((_, n) => everyNth === undefined || n % everyNth === 0).map(({ id }) => id),
        );
        const query: JobListQuery = {
          queueNo,
          limit,
          order,
          nowMs,
          ...(createdFromMs !== undefined && { createdFromMs }),
          ...(createdBeforeMs !== undefined && { createdBeforeMs }),
          ...(everyNth !== undefined && { matches: ({ id }: JobRecord) => wanted.has(id) }),
        };
        const found: JobId[] = [];
        let cursor: JobId | undefined;
        do {
          const work: Work = { partitions: new Set(), largestMinute: 0 };
          const page: JobListPage = await listJobs(sourceOf(records, work), { ...query, ...(cursor && { cursor }) });
          expect(page.records.length).toBeLessThanOrEqual(limit);
          expect(work.partitions.size).toBeLessThanOrEqual(Math.max(listPartitionsMax, work.largestMinute));
          // A token moves on, so paging ends; and it is an id of this very queue.
          if (page.next !== undefined) {
            const moved = order === 'newest' ? page.next < (cursor ?? 'g') : page.next > (cursor ?? '');
            expect([moved, jobIdParts(page.next).queueNo]).toEqual([true, queueNo]);
          }
          found.push(...page.records.map(({ id }) => id));
          cursor = page.next;
        } while (cursor !== undefined);
        const expected = [...wanted].filter((id) => {
          const { createdAtMs } = jobIdParts(id);
          return createdAtMs >= (createdFromMs ?? 0) && createdAtMs < (createdBeforeMs ?? Infinity);
        });
        expect(found).toEqual(expected.toSorted((a, b) => (a < b === (order === 'oldest') ? -1 : 1)));
      }),
      { numRuns: 200 },
    );
  });

  it('look at a bounded number of rows, and go on from there', async () => {
    const jobs = Array.from({ length: listRowsMax + 10 }, (_, n) => ({
      minutesAgo: n % 20,
      atMs: n,
      shard: n % 2,
      unique: BigInt(n),
    }));
    const records = toRecords(jobs);
    const work: Work = { partitions: new Set(), largestMinute: 0 };
    const source = sourceOf(records, work);
    const query = { queueNo, limit: 10, order: 'newest', nowMs, matches: () => false } as const;
    const first = await listJobs(source, query);
    expect(first.records).toEqual([]);
    expect(first.next).toBeDefined();
    const rest = await listJobs(source, { ...query, ...(first.next && { cursor: first.next }), matches: () => true });
    expect(rest).toMatchObject({ records: { length: 10 } });
    expect(rest.next).toBeUndefined();
  });

  it('never look further back than the longest retention', async () => {
    const records = toRecords([{ minutesAgo: 401 * 24 * 60, atMs: 0, shard: 0, unique: 1n }]);
    const work: Work = { partitions: new Set(), largestMinute: 0 };
    for (const order of ['newest', 'oldest'] as const) {
      const page = await listJobs(sourceOf(records, work), { queueNo, limit: 10, order, nowMs });
      expect([page, work.partitions.size]).toEqual([{ records: [] }, 0]);
    }
  });
});
