/**
 * `idempotency_keys`: which job a key made. One partition per key (about 200 bytes), TTL until the key expires.
 * Not time-windowed: its timestamps are epochs, not time.
 */
import type { types } from 'cassandra-driver';
import type { CqlStatement } from '../cql-statement.ts';

export const createIdempotencyKeys = `CREATE TABLE IF NOT EXISTS idempotency_keys (
  shard int, key_hash text, job_id uuid, content_hash text, expires_at bigint,
  PRIMARY KEY ((shard, key_hash))
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4,L4'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM, idempotent by its timestamp: epoch first, so a deposed owner loses whenever it writes. */
export const putKey: CqlStatement = {
  name: 'put_key',
  cql: `INSERT INTO idempotency_keys (shard, key_hash, job_id, content_hash, expires_at) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

export interface KeyRow {
  readonly job_id: types.Uuid;
  readonly content_hash: string;
  readonly expires_at: bigint;
}

/** LOCAL_QUORUM, idempotent. */
export const readKey: CqlStatement<KeyRow> = {
  name: 'find_key',
  cql: `SELECT job_id, content_hash, expires_at FROM idempotency_keys WHERE shard = ? AND key_hash = ?`,
  mode: 'read',
};
