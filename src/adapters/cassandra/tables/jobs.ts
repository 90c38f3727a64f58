/**
 * `jobs`: the records, one partition per shard and minute of creation.
 *
 * Only conditional batches of the shard's owner write here. A plain write beside them would make the conditions
 * worthless. Static columns: `epoch` (who may write), `commits` (how often it was written) and `expires_at` (latest end
 * of any row, ms). Their TTL is that of the longest-lived row and a day more, so that the fence outlives the rows it
 * protects.
 *
 * Partition size: 5,000 jobs/s in one shard make 300,000 rows, 270 MB. Give a cluster enough shards; 10 MB is healthy,
 * which is 200 jobs/s per shard. Rows expire by TTL and are never deleted, so TWCS drops whole files.
 */
import type { CqlStatement } from './cql-statement.ts';

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
  /** Null in the row that represents a partition without jobs. */
  readonly record: string | null;
}

/**
 * The first statement of a group's batch. LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: end of the longest-lived
 * row + 1 day.
 */
export const advancePartition: CqlStatement<Pick<PartitionRow, 'epoch' | 'commits'>> = {
  name: 'commit',
  cql: `UPDATE jobs USING TTL ? SET epoch = ?, commits = ?, expires_at = ? WHERE shard = ? AND bucket = ? IF epoch = ? AND commits = ?`,
  mode: 'conditional',
};

/** Only used in the batch of `advancePartition`. TTL: until `storedUntilMs` of the record. */
export const putJob: CqlStatement = {
  name: 'commit',
  cql: `INSERT INTO jobs (shard, bucket, queue_no, id, record) VALUES (?, ?, ?, ?, ?) USING TTL ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: 2 days, until the first commit sets a better one. */
export const createPartition: CqlStatement = {
  name: 'create_partition',
  cql: `UPDATE jobs USING TTL ? SET epoch = ?, commits = 0, expires_at = ? WHERE shard = ? AND bucket = ? IF epoch = null`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: as for `advancePartition`, from the stored `expires_at`. */
export const raisePartition: CqlStatement = {
  name: 'raise_partition',
  cql: `UPDATE jobs USING TTL ? SET epoch = ? WHERE shard = ? AND bucket = ? IF epoch < ?`,
  mode: 'conditional',
};

/** LOCAL_SERIAL, idempotent. Settles a round that is in flight, then reads the static columns. */
export const readPartition: CqlStatement<PartitionRow> = {
  name: 'read_commits',
  cql: `SELECT epoch, commits, expires_at FROM jobs WHERE shard = ? AND bucket = ? LIMIT 1`,
  mode: 'serialRead',
};

/** LOCAL_QUORUM, idempotent, in pages. This is the only read that may be large. */
export const readRows: CqlStatement<RecordRow> = {
  name: 'read_bucket',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, one row. */
export const readJob: CqlStatement<RecordRow> = {
  name: 'find_job',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, at most `findJobsMax` rows. The last parameter is a list of tuples (queue, id). */
export const readJobs: CqlStatement<RecordRow> = {
  name: 'find_jobs',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND (queue_no, id) IN ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent. Rows of one queue in the partition, newest first, at most a page of a listing. */
export const readNewest: CqlStatement<RecordRow> = {
  name: 'list_rows',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? LIMIT ?`,
  mode: 'read',
};

/** Like `readNewest`, oldest first. */
export const readOldest: CqlStatement<RecordRow> = {
  name: 'list_rows',
  cql: `SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? ORDER BY queue_no DESC, id ASC LIMIT ?`,
  mode: 'read',
};
