/**
 * Reads jobs. A quorum read after a quorum write sees everything that was acknowledged. Jobs whose retention is over
 * are skipped, because their rows stay in the table longer (`time-to-live.ts`).
 */
import { types } from 'cassandra-driver';
import { invariant } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, type JobId, jobIdParts } from '../../domain/job-id.ts';
import { goneAtMs } from '../../domain/record-life.ts';
import { listEnded } from '../../application/storage/ended-listing.ts';
import {
  listJobs,
  type IdRange,
  type ListedMinute,
  type ListingSource,
} from '../../application/storage/job-listing.ts';
import { recoveredPage } from '../../application/storage/recovered-page.ts';
import { findJobsMax, type JobStore, type ListOrder, type RecoveredPage } from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { CqlClient } from './cql-client.ts';
import { createFlagReads } from './flag-reads.ts';
import { dayOf } from './queue-register.ts';
import { readJob, readJobs, readNewest, readOldest, readRows, type RecordRow } from './tables/jobs.ts';
import { readNewestBuckets, readOldestBuckets, readQueueDays } from './tables/queue-buckets.ts';

function parseRecords(rows: readonly RecordRow[]): readonly JobRecord[] {
  return rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record) as JobRecord]));
}

/**
 * Reads rows of one queue in a partition until it has `limit` jobs within their retention, or there are no more rows.
 */
async function rowsOf(
  read: (range: IdRange) => Promise<readonly JobRecord[]>,
  { range, order, limit }: { readonly range: IdRange; readonly order: ListOrder; readonly limit: number },
  isThere: (record: JobRecord) => boolean,
): Promise<readonly JobRecord[]> {
  const found: JobRecord[] = [];
  for (let rest = range; ;) {
    const page = await read(rest);
    found.push(...page.filter(isThere));
    const last = page.at(-1);
    if (last === undefined || page.length < limit || found.length >= limit) return found.slice(0, limit);
    rest = order === 'newest' ? { ...rest, below: last.id } : { ...rest, above: last.id };
  }
}

/** The key of a row within its partition. */
function rowKeyOf(id: JobId): types.Tuple {
  return new types.Tuple(jobIdParts(id).queueNo, types.Uuid.fromString(id));
}

type JobReads = Pick<JobStore, 'readBucket' | 'findJob' | 'findJobs' | 'listJobs'>;

/**
 * The minutes in which the queue has jobs, day by day. Days without jobs cost nothing, and at most 400 days have jobs.
 */
async function* minutesOf(
  client: CqlClient,
  queueNo: number,
  order: ListOrder,
  range: { readonly oldest: number; readonly newest: number },
): AsyncIterable<ListedMinute> {
  const { oldest, newest } = range;
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

export function createJobReads(client: CqlClient, clock: Clock): JobReads {
  const isThere = (record: JobRecord): boolean => clock.nowMs() < goneAtMs(record);
  const findJob: JobReads['findJob'] = async (id) => {
    const { shard, createdAtMs, queueNo } = jobIdParts(id);
    const bucket = Math.floor(createdAtMs / bucketMs);
    const rows = await client.rows(readJob, [shard, bucket, queueNo, types.Uuid.fromString(id)]);
    return parseRecords(rows).find(isThere);
  };
  return {
    async *readBucket({ shard, bucket }, terms): AsyncIterable<RecoveredPage> {
      for await (const page of client.pages(readRows, [shard, bucket])) {
        yield recoveredPage(parseRecords(page).filter(isThere), terms());
      }
    },
    findJob,
    async findJobs({ shard, bucket }, ids) {
      invariant(ids.length <= findJobsMax, 'at most findJobsMax jobs are found at once');
      if (ids.length === 0) return [];
      const rows = await client.rows(readJobs, [shard, bucket, ids.map(rowKeyOf)]);
      return parseRecords(rows).filter(isThere);
    },
    listJobs(query) {
      const { queueNo } = query;
      if (query.ended !== undefined) {
        return listEnded({ flags: createFlagReads(client, queueNo), record: findJob }, query);
      }
      const source: ListingSource = {
        minutes: (order, oldest, newest) => minutesOf(client, queueNo, order, { oldest, newest }),
        async rows({ bucket, shard }, range, order, limit) {
          const statement = order === 'newest' ? readNewest : readOldest;
          const read = async ({ above, below }: IdRange): Promise<readonly JobRecord[]> => {
            const [from, to] = [types.Uuid.fromString(above), types.Uuid.fromString(below)];
            return parseRecords(await client.rows(statement, [shard, bucket, queueNo, from, to, limit]));
          };
          return rowsOf(read, { range, order, limit }, isThere);
        },
      };
      return listJobs(source, query);
    },
  };
}
