/**
 * `open_buckets`: the partitions that a new owner must read. One partition per shard, one row per minute that is not yet
 * sealed: normally some minutes to hours, 1,440 a day at worst. A sealed row is deleted; the tombstone may go after an
 * hour, because a bucket that came back is only read and sealed once more.
 */
import type { CqlStatement } from '../cql-statement.ts';

export const createOpenBuckets = `CREATE TABLE IF NOT EXISTS open_buckets (
  shard int, bucket int, PRIMARY KEY (shard, bucket)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}
  AND gc_grace_seconds = 3600`;

/** LOCAL_QUORUM, idempotent by its timestamp (epoch first). TTL: past every retention nothing is left to open. */
export const registerBucket: CqlStatement = {
  name: 'register_bucket',
  cql: `INSERT INTO open_buckets (shard, bucket) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent by its timestamp: it deletes what was registered before, never a successor's row. */
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
