/**
 * `jobs`: the records, one partition per shard and minute of creation.
 *
 * Written only by conditional batches of the shard's owner: a plain write beside them would make the conditions worth
 * nothing. Static columns: `epoch` (who may write), `commits` (how often it was written), `expires_at` (latest end of any
 * row, ms). They get the TTL of the longest-lived row and a day more, so the fence outlives what it guards.
 * Partition size: at 5,000 jobs/s in one shard 300,000 rows, 270 MB, so give a cluster enough shards (10 MB is healthy:
 * 200 jobs/s and shard). TTL only, no deletes: TWCS drops whole files.
 */
import type { CqlStatement } from '../cql-statement.ts';

export const createJobs = `CREATE TABLE IF NOT EXISTS jobs (
  shard int, bucket int, epoch int STATIC, commits int STATIC, expires_at bigint STATIC,
  queue_no int, id uuid, record text,
  PRIMARY KEY ((shard, bucket), queue_no, id)
) WITH CLUSTERING ORDER BY (queue_no ASC, id DESC)
  AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '8'}
  AND gc_grace_seconds = 10800`;

export interface PartitionRow {
  readonly epoch: number | null;
  readonly commits: number | null;
  readonly expires_at: bigint | null;
}

export interface RecordRow {
  /** Null in the row that stands for a partition without jobs. */
  readonly record: string | null;
}

/** First of a group's batch. LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: end of the longest-lived row + 1 day. */
export const advancePartition: CqlStatement<Pick<PartitionRow, 'epoch' | 'commits'>> = {
  name: 'commit',
  cql: `UPDATE jobs USING TTL ? SET epoch = ?, commits = ?, expires_at = ? WHERE shard = ? AND bucket = ? IF epoch = ? AND commits = ?`,
  mode: 'conditional',
};

/** Only ever inside the batch of `advancePartition`. TTL: what is left of the retention, and 3 days (`storedUntilMs`). */
export const putJob: CqlStatement = {
  name: 'commit',
  cql: `INSERT INTO jobs (shard, bucket, queue_no, id, record) VALUES (?, ?, ?, ?, ?) USING TTL ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: 2 days until the first commit sets a better one. */
export const createPartition: CqlStatement = {
  name: 'create_partition',
  cql: `UPDATE jobs USING TTL ? SET epoch = ?, commits = 0, expires_at = ? WHERE shard = ? AND bucket = ? IF epoch = null`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: as `advancePartition`, from the stored `expires_at`. */
export const raisePartition: CqlStatement = {
  name: 'raise_partition',
  cql: `UPDATE jobs USING TTL ? SET epoch = ? WHERE shard = ? AND bucket = ? IF epoch < ?`,
  mode: 'conditional',
};

/** LOCAL_SERIAL, idempotent: settles a round that is under way, then reads the static columns. */
export const readPartition: CqlStatement<PartitionRow> = {
  name: 'read_commits',
  cql: `SELECT epoch, commits, expires_at FROM jobs WHERE shard = ? AND bucket = ? LIMIT 1`,
  mode: 'serialRead',
};

/** LOCAL_QUORUM, idempotent, in pages: the one read that may be large. */
export const readRows: CqlStatement<RecordRow> = {
  name: 'read_bucket',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent: one row. */
export const readJob: CqlStatement<RecordRow> = {
  name: 'find_job',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent: rows of one queue in the partition, newest first, at most a page of a list. */
export const readNewest: CqlStatement<RecordRow> = {
  name: 'list_rows',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? LIMIT ?`,
  mode: 'read',
};

/** As `readNewest`, oldest first. */
export const readOldest: CqlStatement<RecordRow> = {
  name: 'list_rows',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? ORDER BY queue_no DESC, id ASC LIMIT ?`,
  mode: 'read',
};
