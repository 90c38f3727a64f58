/**
 * `shard_watermarks`: what JetStream is known to have of each shard. One row per shard, at most 4,096, no TTL. Separate
 * from `shards`, because these writes are plain, and plain writes beside conditional ones can undo them.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createShardWatermarks = `CREATE TABLE IF NOT EXISTS shard_watermarks (
  shard int PRIMARY KEY, watermark text
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

/** LOCAL_QUORUM. Idempotent by its timestamp, which begins with the epoch, so a deposed owner always loses. */
export const putWatermark: CqlStatement = {
  name: 'save_watermark',
  cql: `INSERT INTO shard_watermarks (shard, watermark) VALUES (?, ?) USING TIMESTAMP ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. */
export const readWatermark: CqlStatement<{ readonly watermark: string | null }> = {
  name: 'read_watermark',
  cql: `SELECT watermark FROM shard_watermarks WHERE shard = ?`,
  mode: 'read',
};
