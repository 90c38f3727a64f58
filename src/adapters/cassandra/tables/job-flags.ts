/**
 * `job_flags`: the jobs that have failed, were cancelled or have expired, by queue and day of creation. Written plainly
 * before the commit that ends the job; one whose commit is then refused is an orphan that readers find out. One partition
 * a queue and day, about 60 bytes a row: 6 MB for 100,000 such jobs a day.
 * Not time-windowed: its timestamps are epochs, not time.
 */
import type { types } from 'cassandra-driver';
import type { CqlStatement } from '../cql-statement.ts';

export const createJobFlags = `CREATE TABLE IF NOT EXISTS job_flags (
  queue_no int, day int, id uuid, state text, reason text, PRIMARY KEY ((queue_no, day), id)
) WITH CLUSTERING ORDER BY (id DESC)
  AND compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4,L4'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM, idempotent by its timestamp: epoch first, so a deposed owner loses whenever it writes. TTL: as the job's. */
export const putFlag: CqlStatement = {
  name: 'put_flag',
  cql: `INSERT INTO job_flags (queue_no, day, id, state, reason) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

export interface FlagRow {
  readonly id: types.Uuid;
  readonly state: string;
  /** Empty: none. */
  readonly reason: string;
}

/** LOCAL_QUORUM, idempotent; newest first. */
export const readNewestFlags: CqlStatement<FlagRow> = {
  name: 'list_flags',
  cql: `SELECT id, state, reason FROM job_flags WHERE queue_no = ? AND day = ? AND id > ? AND id < ? LIMIT ?`,
  mode: 'read',
};

/** As `readNewestFlags`, oldest first. */
export const readOldestFlags: CqlStatement<FlagRow> = {
  name: 'list_flags',
  cql: `SELECT id, state, reason FROM job_flags WHERE queue_no = ? AND day = ? AND id > ? AND id < ? ORDER BY id ASC LIMIT ?`,
  mode: 'read',
};
