/**
 * `shard_watermarks`: what of a shard is surely in JetStream. One row per shard, at most 4,096, no TTL. Apart from
 * `shards` because it is written plainly, and plain writes beside conditional ones undo them.
 */
import type { CqlStatement } from '../cql-statement.ts';

export const createShardWatermarks = `CREATE TABLE IF NOT EXISTS shard_watermarks (
  shard int PRIMARY KEY, watermark text
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

/** LOCAL_QUORUM, idempotent by its timestamp: epoch first, so a deposed owner loses whenever it writes. */
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
