/**
 * `queue_buckets` and `queue_days`: where a queue's jobs lie, so that listings need not scan. Each process writes an
 * entry plainly, once per queue, minute and shard, before its first commit there. An entry without jobs is harmless.
 * Partition sizes: `queue_buckets` holds one queue and day, at most 1,440 rows per shard that the queue used (92,000
 * rows or 3 MB with 64 shards); `queue_days` has at most 400 rows.
 */
import type { CqlStatement } from './cql-statement.ts';

export interface QueueBucketRow {
  readonly bucket: number;
  readonly shard: number;
}

export const createQueueBuckets = `CREATE TABLE IF NOT EXISTS queue_buckets (
  queue_no int, day int, bucket int, shard int, PRIMARY KEY ((queue_no, day), bucket, shard)
) WITH CLUSTERING ORDER BY (bucket DESC, shard ASC)
  AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': '1'}
  AND gc_grace_seconds = 10800`;

export const createQueueDays = `CREATE TABLE IF NOT EXISTS queue_days (
  queue_no int, day int, PRIMARY KEY (queue_no, day)
) WITH CLUSTERING ORDER BY (day DESC)
  AND compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM, idempotent. TTL: until the queue's last job of that minute has expired. */
export const putQueueBucket: CqlStatement = {
  name: 'register_queue_bucket',
  cql: `INSERT INTO queue_buckets (queue_no, day, bucket, shard) VALUES (?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. TTL: a day longer than that of its buckets. */
export const putQueueDay: CqlStatement = {
  name: 'register_queue_day',
  cql: `INSERT INTO queue_days (queue_no, day) VALUES (?, ?) USING TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent, in pages, newest first. */
export const readNewestBuckets: CqlStatement<QueueBucketRow> = {
  name: 'list_minutes',
  cql: `SELECT bucket, shard FROM queue_buckets WHERE queue_no = ? AND day = ? AND bucket >= ? AND bucket <= ?`,
  mode: 'read',
};

/** Like `readNewestBuckets`, oldest first. */
export const readOldestBuckets: CqlStatement<QueueBucketRow> = {
  name: 'list_minutes',
  cql: `SELECT bucket, shard FROM queue_buckets WHERE queue_no = ? AND day = ? AND bucket >= ? AND bucket <= ? ORDER BY bucket ASC, shard DESC`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, newest first, at most 400 rows. */
export const readQueueDays: CqlStatement<{ readonly day: number }> = {
  name: 'list_days',
  cql: `SELECT day FROM queue_days WHERE queue_no = ? AND day >= ? AND day <= ?`,
  mode: 'read',
};
