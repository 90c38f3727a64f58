/**
 * `kept_bytes`: what the ended jobs of a tenant keep in a shard, for tenants with a quota of stored bytes. One row of
 * some KB for each such tenant and shard, written every 10 s at most while jobs end. Its TTL is that of the last bytes.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createKeptBytes = `CREATE TABLE IF NOT EXISTS kept_bytes (
  shard int, tenant text, slots text, PRIMARY KEY ((shard, tenant))
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM. Idempotent by its timestamp, which begins with the epoch, so a deposed owner always loses. */
export const putKept: CqlStatement = {
  name: 'save_kept',
  cql: `INSERT INTO kept_bytes (shard, tenant, slots) VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. */
export const readKept: CqlStatement<{ readonly slots: string }> = {
  name: 'find_kept',
  cql: `SELECT slots FROM kept_bytes WHERE shard = ? AND tenant = ?`,
  mode: 'read',
};
