/**
 * `queues`: all queues of all tenants in one partition (scope 0), so that one conditional batch issues a name together
 * with its number. About 400 bytes per queue: 10,000 queues are 4 MB. Rarely written, and read through caches. No TTL.
 */
import type { types } from 'cassandra-driver';
import type { CqlStatement } from './cql-statement.ts';

export const createQueues = `CREATE TABLE IF NOT EXISTS queues (
  scope int, last_queue_no int STATIC, tenant text, name text, queue_no int, settings text, version int,
  created_at bigint, updated_at bigint, created_by uuid,
  PRIMARY KEY (scope, tenant, name)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

export interface QueueRow {
  readonly tenant: string;
  readonly name: string;
  readonly queue_no: number;
  readonly settings: string;
  readonly version: number;
  readonly created_at: bigint;
  readonly updated_at: bigint;
  /** Unique for each call that creates a queue. */
  readonly created_by: types.Uuid;
}

/** LOCAL_SERIAL, idempotent. */
export const readLastQueueNo: CqlStatement<{ readonly last_queue_no: number | null }> = {
  name: 'read_last_queue_no',
  cql: `SELECT last_queue_no FROM queues WHERE scope = 0 LIMIT 1`,
  mode: 'serialRead',
};

/** Used in one batch with `insertQueue`. LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. */
export const issueQueueNo: CqlStatement = {
  name: 'create_queue',
  cql: `UPDATE queues SET last_queue_no = ? WHERE scope = 0 IF last_queue_no = ?`,
  mode: 'conditional',
};

/** Only used in the batch of `issueQueueNo`. */
export const insertQueue: CqlStatement = {
  name: 'create_queue',
  cql: `INSERT INTO queues (scope, tenant, name, queue_no, settings, version, created_at, updated_at, created_by) VALUES (0, ?, ?, ?, ?, 1, ?, ?, ?) IF NOT EXISTS`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. Compare-and-set on the version. */
export const replaceSettings: CqlStatement = {
  name: 'update_queue',
  cql: `UPDATE queues SET settings = ?, version = ?, updated_at = ? WHERE scope = 0 AND tenant = ? AND name = ? IF version = ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. The number of the queue is not issued again. */
export const removeQueue: CqlStatement = {
  name: 'remove_queue',
  cql: `DELETE FROM queues WHERE scope = 0 AND tenant = ? AND name = ? IF version = ? AND queue_no = ?`,
  mode: 'conditional',
};

const columns = 'tenant, name, queue_no, settings, version, created_at, updated_at, created_by';

/** LOCAL_QUORUM, idempotent, one row. */
export const readQueue: CqlStatement<QueueRow> = {
  name: 'find_queue',
  cql: `SELECT ${columns} FROM queues WHERE scope = 0 AND tenant = ? AND name = ?`,
  mode: 'read',
};

/** LOCAL_SERIAL, idempotent. For reads after an unknown outcome or a refused condition. */
export const readQueueSerially: CqlStatement<QueueRow> = { ...readQueue, name: 'read_queue', mode: 'serialRead' };

/** LOCAL_QUORUM, idempotent, in pages, ordered by name. */
export const readQueuesOfTenant: CqlStatement<QueueRow> = {
  name: 'list_queues',
  cql: `SELECT ${columns} FROM queues WHERE scope = 0 AND tenant = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, in pages, ordered by tenant and name. */
export const readAllQueues: CqlStatement<QueueRow> = {
  name: 'list_queues',
  cql: `SELECT ${columns} FROM queues WHERE scope = 0`,
  mode: 'read',
};
