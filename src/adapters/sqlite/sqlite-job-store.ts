/** `JobStore` on SQLite. Every read skips expired rows. The row of an unfinished job does not expire. */
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, jobIdParts, maxShards } from '../../domain/job-id.ts';
import { listJobs } from '../../application/storage/job-listing.ts';
import type { JobListQuery, JobStore, Partition } from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { listEnded } from '../../application/storage/ended-listing.ts';
import { createFlagReads } from './flag-reads.ts';
import { createGroupCommit } from './group-commit.ts';
import { createKeyEntries } from './key-entries.ts';
import { createShardFence } from './shard-fence.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/**
 * Rows that are read at a time when a bucket is loaded. That takes some milliseconds; then other work gets its turn.
 */
const pageRows = 500;
/** Partitions of a queue that a listing looks up at a time. */
const minutesPage = 128;

interface RecordRow {
  readonly record: string;
}
interface BucketRow extends RecordRow {
  readonly queueNo: number;
  readonly id: string;
}
interface QueueBucketRow {
  readonly bucket: number;
  readonly shard: number;
}

function parseRecord(row: RecordRow): JobRecord {
  return JSON.parse(row.record) as JobRecord;
}

type JobReads = Pick<JobStore, 'readBucket' | 'findJob' | 'listJobs'>;

/** Reads by partition and by id. Each page continues after the last row of the one before, so no row is read twice. */
function createBucketReads(database: SqliteDatabase, clock: Clock): Pick<JobReads, 'readBucket' | 'findJob'> {
  const page = database.prepare(
    `SELECT queue_no AS queueNo, id, record FROM jobs
     WHERE shard = ? AND bucket = ? AND (queue_no, id) > (?, ?) AND expires_at > ? ORDER BY queue_no, id LIMIT ?`,
  );
  const one = database.prepare(
    'SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id = ? AND expires_at > ?',
  );
  return {
    async *readBucket({ shard, bucket }: Partition): AsyncIterable<JobRecord> {
      let last: { readonly queueNo: number; readonly id: string } = { queueNo: -1, id: '' };
      for (;;) {
        const { queueNo, id } = last;
        const rows = (await database.read('read_bucket', () =>
          page.all(shard, bucket, queueNo, id, clock.nowMs(), pageRows),
        )) as unknown as readonly BucketRow[];
        yield* rows.map(parseRecord);
        const newest = rows.at(-1);
        if (newest === undefined || rows.length < pageRows) return;
        last = newest;
      }
    },
    async findJob(id) {
      const { shard, createdAtMs, queueNo } = jobIdParts(id);
      const bucket = Math.floor(createdAtMs / bucketMs);
      const row = await database.read('find_job', () => one.get(shard, bucket, queueNo, id, clock.nowMs()));
      return row === undefined ? undefined : parseRecord(row as unknown as RecordRow);
    },
  };
}

/** Reads for listings. Both directions have their own statements, because SQLite cannot bind the order. */
function createListing(database: SqliteDatabase, findJob: JobStore['findJob']): JobStore['listJobs'] {
  const flagsOf = createFlagReads(database);
  const partitions = (step: '<' | '>', direction: 'ASC' | 'DESC') =>
    database.prepare(
      `SELECT bucket, shard FROM queue_buckets
       WHERE queue_no = ? AND (bucket, shard) ${step} (?, ?) AND bucket BETWEEN ? AND ? AND expires_at > ?
       ORDER BY bucket ${direction}, shard ${direction} LIMIT ?`,
    );
  const rows = (direction: 'ASC' | 'DESC') =>
    database.prepare(
      `SELECT record FROM jobs
       WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? AND expires_at > ?
       ORDER BY id ${direction} LIMIT ?`,
    );
  const newest = { partitions: partitions('<', 'DESC'), rows: rows('DESC') };
  const oldest = { partitions: partitions('>', 'ASC'), rows: rows('ASC') };

  /**
   * Groups the rows of `queue_buckets` into minutes. The start values lie just outside of the range, so nothing is
   * skipped.
   */
  async function* minutes({ queueNo, nowMs, order }: JobListQuery, from: number, to: number) {
    const statement = order === 'newest' ? newest.partitions : oldest.partitions;
    let last: QueueBucketRow =
      order === 'newest' ? { bucket: to + 1, shard: -1 } : { bucket: from - 1, shard: maxShards };
    let minute: { readonly bucket: number; readonly shards: number[] } | undefined;
    for (;;) {
      const { bucket, shard } = last;
      const found = (await database.read('list_minutes', () =>
        statement.all(queueNo, bucket, shard, from, to, nowMs, minutesPage),
      )) as unknown as readonly QueueBucketRow[];
      for (const row of found) {
        if (minute?.bucket === row.bucket) {
          minute.shards.push(row.shard);
        } else {
          if (minute !== undefined) yield minute;
          minute = { bucket: row.bucket, shards: [row.shard] };
        }
        last = row;
      }
      if (found.length < minutesPage) break;
    }
    if (minute !== undefined) yield minute;
  }

  return (query) => {
    if (query.ended !== undefined) {
      return listEnded({ flags: flagsOf(query.queueNo, query.nowMs), record: findJob }, query);
    }
    return listJobs(
      {
        minutes: (_order, from, to) => minutes(query, from, to),
        async rows({ bucket, shard }, { above, below }, order, limit) {
          const statement = order === 'newest' ? newest.rows : oldest.rows;
          const found = (await database.read('list_rows', () =>
            statement.all(shard, bucket, query.queueNo, above, below, query.nowMs, limit),
          )) as unknown as readonly RecordRow[];
          return found.map(parseRecord);
        },
      },
      query,
    );
  };
}

export function createSqliteJobStore(database: SqliteDatabase, clock: Clock): JobStore {
  const reads = createBucketReads(database, clock);
  return {
    ...createShardFence(database),
    ...reads,
    ...createKeyEntries(database, clock),
    listJobs: createListing(database, reads.findJob),
    commit: createGroupCommit(database),
  };
}
