/**
 * `job_flags`: the jobs that have failed, were cancelled or have expired, by queue and day of creation. A flag is
 * written plainly before the commit that ends the job. If that commit is refused, the flag is an orphan, which readers
 * detect. One partition per queue and day, about 60 bytes per row: 6 MB for 100,000 such jobs a day.
 * Not time-windowed, because its timestamps are epochs and not times.
 */
import type { types } from 'cassandra-driver';
import type { CqlStatement } from './cql-statement.ts';

export const createJobFlags = `CREATE TABLE IF NOT EXISTS job_flags (
  queue_no int, day int, id uuid, state text, reason text, PRIMARY KEY ((queue_no, day), id)
) WITH CLUSTERING ORDER BY (id DESC)
  AND compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4,L4'}
  AND gc_grace_seconds = 10800`;

/**
 * LOCAL_QUORUM. Idempotent by its timestamp, which begins with the epoch, so a deposed owner always loses. TTL: that of
 * the job.
 */
export const putFlag: CqlStatement = {
  name: 'put_flag',
  cql: `INSERT INTO job_flags (queue_no, day, id, state, reason) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`,
  mode: 'write',
};

export interface FlagRow {
  readonly id: types.Uuid;
  readonly state: string;
  /** Empty if there is none. */
  readonly reason: string;
}

/** LOCAL_QUORUM, idempotent, newest first. */
export const readNewestFlags: CqlStatement<FlagRow> = {
  name: 'list_flags',
  cql: `SELECT id, state, reason FROM job_flags WHERE queue_no = ? AND day = ? AND id > ? AND id < ? LIMIT ?`,
  mode: 'read',
};

/** Like `readNewestFlags`, oldest first. */
export const readOldestFlags: CqlStatement<FlagRow> = {
  name: 'list_flags',
  cql: `SELECT id, state, reason FROM job_flags WHERE queue_no = ? AND day = ? AND id > ? AND id < ? ORDER BY id ASC LIMIT ?`,
  mode: 'read',
};
