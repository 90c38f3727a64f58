/**
 * `closed_queues`: removals of queues, in progress or carried out. New owners of shards read them during recovery. One
 * partition (scope 0) with a row for each removal of the last 7 days, written plainly before the removal itself.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createClosedQueues = `CREATE TABLE IF NOT EXISTS closed_queues (
  scope int, queue_no int, version int, tenant text, name text, PRIMARY KEY (scope, queue_no, version)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

export interface ClosedQueueRow {
  readonly tenant: string;
  readonly name: string;
  readonly queue_no: number;
  readonly version: number;
}

/** LOCAL_QUORUM, idempotent. TTL: `closedKeptMs`. */
export const putClosedQueue: CqlStatement = {
  name: 'close_queue',
  cql: `INSERT INTO closed_queues (scope, queue_no, version, tenant, name) VALUES (0, ?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. */
export const deleteClosedQueue: CqlStatement = {
  name: 'open_queue',
  cql: `DELETE FROM closed_queues WHERE scope = 0 AND queue_no = ? AND version = ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent, in pages. */
export const readClosedQueues: CqlStatement<ClosedQueueRow> = {
  name: 'closed_queues',
  cql: `SELECT tenant, name, queue_no, version FROM closed_queues WHERE scope = 0`,
  mode: 'read',
};
