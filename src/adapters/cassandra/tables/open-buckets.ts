/**
 * `open_buckets`: the partitions that a new owner must read. One partition per shard, with one row per minute that is
 * not sealed: normally some minutes to hours, at worst 1,440 rows a day. Sealing deletes the row. The tombstone may be
 * dropped after an hour: if the row came back, the bucket would only be read and sealed once more.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createOpenBuckets = `CREATE TABLE IF NOT EXISTS open_buckets (
  shard int, bucket int, PRIMARY KEY (shard, bucket)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}
  AND gc_grace_seconds = 3600`;

/**
 * LOCAL_QUORUM. Idempotent by its timestamp, which begins with the epoch. TTL: the longest retention, after which
 * nothing is left to open.
 */
export const registerBucket: CqlStatement = {
  name: 'register_bucket',
  cql: `INSERT INTO open_buckets (shard, bucket) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM. Idempotent by its timestamp: it deletes what was registered before, but never a successor's row. */
export const deleteBucket: CqlStatement = {
  name: 'seal_bucket',
  cql: `DELETE FROM open_buckets USING TIMESTAMP ? WHERE shard = ? AND bucket = ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent, in pages. */
export const readBuckets: CqlStatement<{ readonly bucket: number }> = {
  name: 'open_buckets',
  cql: `SELECT bucket FROM open_buckets WHERE shard = ?`,
  mode: 'read',
};
