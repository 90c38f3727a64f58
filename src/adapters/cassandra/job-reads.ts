/** Reads of jobs. A quorum after a quorum: whatever was acknowledged is seen. Expired rows are gone by TTL. */
import { types } from 'cassandra-driver';
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, jobIdParts } from '../../domain/job-id.ts';
import { listEnded } from '../../application/ports/ended-listing.ts';
import { listJobs, type ListedMinute, type ListingSource } from '../../application/ports/job-listing.ts';
import type { JobStore, ListOrder, Partition } from '../../application/ports/job-store.ts';
import type { CqlClient } from './cql-client.ts';
import { createFlagReads } from './flag-reads.ts';
import { dayOf } from './queue-register.ts';
import { readJob, readNewest, readOldest, readRows, type RecordRow } from './tables/jobs.ts';
import { readNewestBuckets, readOldestBuckets, readQueueDays } from './tables/queue-buckets.ts';

/** The largest value of a CQL int: year 6053 in minutes. */
const bucketMax = 2 ** 31 - 1;

function parseRecords(rows: readonly RecordRow[]): readonly JobRecord[] {
  return rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record) as JobRecord]));
}

type JobReads = Pick<JobStore, 'readBucket' | 'findJob' | 'listJobs'>;

/** Minutes of the queue by day: days without jobs cost nothing, and there are at most 400 with. */
async function* minutesOf(
  client: CqlClient,
  queueNo: number,
  order: ListOrder,
  range: { readonly oldest: number; readonly newest: number },
): AsyncIterable<ListedMinute> {
  const { oldest } = range;
  const newest = Math.min(range.newest, bucketMax);
  const buckets = order === 'newest' ? readNewestBuckets : readOldestBuckets;
  let minute: { readonly bucket: number; readonly shards: number[] } | undefined;
  const days = await client.rows(readQueueDays, [queueNo, dayOf(oldest), dayOf(newest)]);
  for (const { day } of order === 'newest' ? days : days.toReversed()) {
    for await (const page of client.pages(buckets, [queueNo, day, oldest, newest])) {
      for (const row of page) {
        if (minute?.bucket === row.bucket) {
          minute.shards.push(row.shard);
        } else {
          if (minute !== undefined) yield minute;
          minute = { bucket: row.bucket, shards: [row.shard] };
        }
      }
    }
  }
  if (minute !== undefined) yield minute;
}

export function createJobReads(client: CqlClient): JobReads {
  const findJob: JobReads['findJob'] = async (id) => {
    const { shard, createdAtMs, queueNo } = jobIdParts(id);
    const bucket = Math.floor(createdAtMs / bucketMs);
    const rows = await client.rows(readJob, [shard, bucket, queueNo, types.Uuid.fromString(id)]);
    return parseRecords(rows).at(0);
  };
  return {
    async *readBucket({ shard, bucket }: Partition): AsyncIterable<JobRecord> {
      for await (const page of client.pages(readRows, [shard, bucket])) yield* parseRecords(page);
    },
    findJob,
    listJobs(query) {
      const { queueNo } = query;
      if (query.ended !== undefined) {
        return listEnded({ flags: createFlagReads(client, queueNo), record: findJob }, query);
      }
      const source: ListingSource = {
        minutes: (order, oldest, newest) => minutesOf(client, queueNo, order, { oldest, newest }),
        async rows({ bucket, shard }, range, order, limit) {
          const [above, below] = [types.Uuid.fromString(range.above), types.Uuid.fromString(range.below)];
          const statement = order === 'newest' ? readNewest : readOldest;
          return parseRecords(await client.rows(statement, [shard, bucket, queueNo, above, below, limit]));
        },
      };
      return listJobs(source, query);
    },
  };
}
