/**
 * `job_keys`: maps a key to the job that was created with it. A shard has 64 partitions (`slice`, by hash), so that
 * keys which are written together share mutations. Rows have about 150 bytes and live until the key expires: at 1,000
 * keys/s, 64 shards and a retention of 7 days, a partition has 22 MB. Not time-windowed, because a row is written when
 * its job ends, with the time of the job's creation.
 */
import type { types } from 'cassandra-driver';
import type { CqlStatement } from './cql-statement.ts';

export const createJobKeys = `CREATE TABLE IF NOT EXISTS job_keys (
  shard int, slice int, key_hash text, job_id uuid, content_hash text, expires_at bigint,
  PRIMARY KEY ((shard, slice), key_hash)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4,L4'}
  AND gc_grace_seconds = 10800`;

/** One partition per key. Used by schema versions 1 to 3; its rows are no longer read and expire. */
export const createIdempotencyKeys = `CREATE TABLE IF NOT EXISTS idempotency_keys (
  shard int, key_hash text, job_id uuid, content_hash text, expires_at bigint,
  PRIMARY KEY ((shard, key_hash))
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4,L4'}
  AND gc_grace_seconds = 10800`;

/**
 * LOCAL_QUORUM. Idempotent by its timestamp, the rank of the job (µs). So the latest job of a key wins, regardless of
 * who writes the row and when.
 */
export const putKey: CqlStatement = {
  name: 'put_keys',
  cql: `INSERT INTO job_keys (shard, slice, key_hash, job_id, content_hash, expires_at) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

export interface KeyRow {
  readonly key_hash: string;
  readonly job_id: types.Uuid;
  readonly content_hash: string;
  readonly expires_at: bigint;
  /** µs */
  readonly written_at: bigint;
}

/** LOCAL_QUORUM, idempotent, a few rows. The second and third parameters are lists. */
export const readKeys: CqlStatement<KeyRow> = {
  name: 'find_keys',
  cql: `SELECT key_hash, job_id, content_hash, expires_at, WRITETIME(expires_at) AS written_at FROM job_keys WHERE shard = ? AND slice IN ? AND key_hash IN ?`,
  mode: 'read',
};
