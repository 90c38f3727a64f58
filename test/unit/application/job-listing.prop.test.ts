/** Any spread of jobs over minutes and shards, read at any page size: all of them, once, newest first, in bounded work. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listNewestFirst, listPartitionsMax, type ListedMinute } from '../../../src/application/ports/job-listing.ts';
import type { JobListPage } from '../../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { bucketMs, bucketOf, jobIdParts, type JobId } from '../../../src/domain/job-id.ts';
import { testRecord } from '../../support/jobs.ts';

const queueNo = 7;
const nowMs = 30_000_000 * bucketMs;

interface Opened {
  partitions: Set<string>;
  largestMinute: number;
}

function sourceOf(records: readonly JobRecord[], opened: Opened) {
  const newest = records.toSorted((a, b) => (a.id < b.id ? 1 : -1));
  const buckets = [...new Set(newest.map(({ id }) => bucketOf(id)))];
  const shardsOf = (bucket: number) => [
    ...new Set(newest.filter(({ id }) => bucketOf(id) === bucket).map(({ id }) => jobIdParts(id).shard)),
  ];
  return {
    async *minutes(upTo: number): AsyncIterable<ListedMinute> {
      for (const bucket of buckets) if (bucket <= upTo) yield { bucket, shards: shardsOf(bucket) };
    },
    async rows(bucket: number, shard: number, before: JobId | undefined, limit: number) {
      opened.partitions.add(`${String(bucket)}/${String(shard)}`);
      opened.largestMinute = Math.max(opened.largestMinute, shardsOf(bucket).length);
      const mine = newest.filter(({ id }) => bucketOf(id) === bucket && jobIdParts(id).shard === shard);
      return mine.filter(({ id }) => before === undefined || id < before).slice(0, limit);
    },
  };
}

const job = fc.record({
  minutesAgo: fc.integer({ min: 0, max: 150 }),
  atMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: bucketMs - 1 })),
  shard: fc.integer({ min: 0, max: 80 }),
  unique: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: (1n << 42n) - 1n })),
});

function toRecords(jobs: readonly { minutesAgo: number; atMs: number; shard: number; unique: bigint }[]) {
  const records = jobs.map(({ minutesAgo, atMs, shard, unique }) =>
    testRecord({ queueNo }, { nowMs: nowMs - minutesAgo * bucketMs + atMs, shard, unique }),
  );
  return [...new Map(records.map((record) => [record.id, record])).values()];
}

describe('pages of a list', () => {
  it('add up to all jobs, newest first, and each opens a bounded number of partitions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 300 }), fc.integer({ min: 1, max: 400 }), async (jobs, limit) => {
        const records = toRecords(jobs);
        const found: JobId[] = [];
        let before: JobId | undefined;
        do {
          const opened: Opened = { partitions: new Set(), largestMinute: 0 };
          const query = { queueNo, limit, nowMs, ...(before !== undefined && { before }) };
          const page: JobListPage = await listNewestFirst(sourceOf(records, opened), query);
          expect(page.records.length).toBeLessThanOrEqual(limit);
          expect(opened.partitions.size).toBeLessThanOrEqual(Math.max(listPartitionsMax, opened.largestMinute));
          // A token moves on, so paging ends; and it is an id of this very queue.
          if (page.next !== undefined) {
            expect(before === undefined || page.next < before).toBe(true);
            expect(jobIdParts(page.next).queueNo).toBe(queueNo);
          }
          found.push(...page.records.map(({ id }) => id));
          before = page.next;
        } while (before !== undefined);
        expect(found).toEqual(records.map(({ id }) => id).toSorted((a, b) => (a < b ? 1 : -1)));
      }),
      { numRuns: 60 },
    );
  });

  it('never look further back than the longest retention', async () => {
    const records = toRecords([{ minutesAgo: 401 * 24 * 60, atMs: 0, shard: 0, unique: 1n }]);
    const opened: Opened = { partitions: new Set(), largestMinute: 0 };
    const page = await listNewestFirst(sourceOf(records, opened), { queueNo, limit: 10, nowMs });
    expect([page, opened.partitions.size]).toEqual([{ records: [] }, 0]);
  });
});
