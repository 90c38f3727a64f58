/** Reads of jobs and keys. A quorum after a quorum: whatever was acknowledged is seen. Expired rows are gone by TTL. */
import { types } from 'cassandra-driver';
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, jobIdParts, type JobId } from '../../domain/job-id.ts';
import { listNewestFirst, type ListedMinute } from '../../application/ports/job-listing.ts';
import type { JobStore, Partition } from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { CqlClient } from './cql-client.ts';
import { dayOf } from './queue-register.ts';
import { readKey } from './tables/idempotency-keys.ts';
import { readJob, readNewest, readNewestBefore, readRows, type RecordRow } from './tables/jobs.ts';
import { readQueueBuckets, readQueueDays } from './tables/queue-buckets.ts';

/** The largest value of a CQL int: year 6053 in minutes. */
const bucketMax = 2 ** 31 - 1;

function parseRecords(rows: readonly RecordRow[]): readonly JobRecord[] {
  return rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record) as JobRecord]));
}

type JobReads = Pick<JobStore, 'readBucket' | 'findKey' | 'findJob' | 'listJobs'>;

/** Minutes of the queue by day: days without jobs cost nothing, and there are at most 400 with. */
async function* minutesOf(client: CqlClient, queueNo: number, newest: number): AsyncIterable<ListedMinute> {
  const bucket = Math.min(newest, bucketMax);
  let minute: { readonly bucket: number; readonly shards: number[] } | undefined;
  const days = await client.rows(readQueueDays, [queueNo, dayOf(bucket)]);
  for (const { day } of days) {
    for await (const page of client.pages(readQueueBuckets, [queueNo, day, bucket])) {
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
  return {
    async *readBucket({ shard, bucket }: Partition): AsyncIterable<JobRecord> {
      for await (const page of client.pages(readRows, [shard, bucket])) yield* parseRecords(page);
    },
    async findKey(shard, keyHash) {
      const row = (await client.rows(readKey, [shard, keyHash])).at(0);
      const expiresAtMs = Number(row?.expires_at ?? 0n);
      if (row === undefined || expiresAtMs <= clock.nowMs()) return undefined;
      return { keyHash, jobId: row.job_id.toString() as JobId, contentHash: row.content_hash, expiresAtMs };
    },
    async findJob(id) {
      const { shard, createdAtMs, queueNo } = jobIdParts(id);
      const bucket = Math.floor(createdAtMs / bucketMs);
      const rows = await client.rows(readJob, [shard, bucket, queueNo, types.Uuid.fromString(id)]);
      return parseRecords(rows).at(0);
    },
    listJobs(query) {
      const { queueNo } = query;
      const source = {
        minutes: (newest: number) => minutesOf(client, queueNo, newest),
        async rows(bucket: number, shard: number, before: JobId | undefined, limit: number) {
          const found = await (before === undefined
            ? client.rows(readNewest, [shard, bucket, queueNo, limit])
            : client.rows(readNewestBefore, [shard, bucket, queueNo, types.Uuid.fromString(before), limit]));
          return parseRecords(found);
        },
      };
      return listNewestFirst(source, query);
    },
  };
}
