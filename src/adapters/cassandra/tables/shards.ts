/** `shards`: the owner of each shard. One row per shard, at most 4,096, only written conditionally, no TTL. */
import type { CqlStatement } from './cql-statement.ts';

export const createShards = `CREATE TABLE IF NOT EXISTS shards (
  shard int PRIMARY KEY, epoch int, owner text
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

/** LOCAL_SERIAL, idempotent. */
export const readShard: CqlStatement<{ readonly epoch: number | null; readonly owner: string | null }> = {
  name: 'read_shard',
  cql: `SELECT epoch, owner FROM shards WHERE shard = ?`,
  mode: 'serialRead',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. Creates the row for the first owner ever. */
export const createShard: CqlStatement = {
  name: 'take_shard',
  cql: `INSERT INTO shards (shard, epoch, owner) VALUES (?, 1, ?) IF NOT EXISTS`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. `owner` is unique per call, so an unknown outcome can be resolved. */
export const raiseShard: CqlStatement = {
  name: 'take_shard',
  cql: `UPDATE shards SET epoch = ?, owner = ? WHERE shard = ? IF epoch = ?`,
  mode: 'conditional',
};
