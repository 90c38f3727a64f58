/**
 * `cluster`: what all processes must agree on, no TTL. Row 0 has the facts, written once. Row 1 is there when the place of
 * the large payloads has its mark; it is written plainly, and always with the same content.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createCluster = `CREATE TABLE IF NOT EXISTS cluster (
  scope int PRIMARY KEY, cluster_id text, shard_count int
)`;

/** LOCAL_QUORUM + LOCAL_SERIAL. Not idempotent for the driver; a read afterwards shows whose proposal was first. */
export const proposeFacts: CqlStatement = {
  name: 'agree_facts',
  cql: `INSERT INTO cluster (scope, cluster_id, shard_count) VALUES (0, ?, ?) IF NOT EXISTS`,
  mode: 'conditional',
};

/** LOCAL_SERIAL, idempotent. */
export const readFacts: CqlStatement<{ readonly cluster_id: string; readonly shard_count: number }> = {
  name: 'read_facts',
  cql: `SELECT cluster_id, shard_count FROM cluster WHERE scope = 0`,
  mode: 'serialRead',
};

/** LOCAL_QUORUM, idempotent. */
export const noteObjectsMark: CqlStatement = {
  name: 'note_objects_mark',
  cql: `INSERT INTO cluster (scope, cluster_id) VALUES (1, 'objects are marked')`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. */
export const readObjectsMark: CqlStatement = {
  name: 'has_objects_mark',
  cql: `SELECT scope FROM cluster WHERE scope = 1`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent. Only checks whether the store answers. */
export const readScope: CqlStatement = {
  name: 'ping',
  cql: `SELECT scope FROM cluster WHERE scope = 0`,
  mode: 'read',
};
