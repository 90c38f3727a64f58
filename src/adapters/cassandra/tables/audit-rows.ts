/**
 * `audit_rows`: who did what. A day of a tenant, or of the cluster, is one partition: some hundred bytes a row, which is
 * some tens of MB for 100,000 calls. Rows are inserted without a condition, because each chain has one writer. Nothing is
 * deleted: rows leave with their TTL, which is the retention of the audit log.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createAuditRows = `CREATE TABLE IF NOT EXISTS audit_rows (
  scope text, day text, at_ms bigint, writer text, sequence int, entry text, hash text,
  settled_at_ms bigint, settled_by int,
  PRIMARY KEY ((scope, day), at_ms, writer, sequence)
) WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': '8'}`;

export interface AuditRowColumns {
  readonly at_ms: bigint;
  readonly writer: string;
  readonly sequence: number;
  /** Null if only its settlement is left. */
  readonly entry: string | null;
  readonly hash: string | null;
  readonly settled_at_ms: bigint | null;
  readonly settled_by: number | null;
}

const columns = 'at_ms, writer, sequence, entry, hash, settled_at_ms, settled_by';
const ofDay = 'scope = ? AND day = ?';

/** LOCAL_QUORUM, idempotent. In one batch with others of its partition, and their settlements. TTL: the retention. */
export const appendRow: CqlStatement = {
  name: 'append_audit_rows',
  cql: `INSERT INTO audit_rows (scope, day, at_ms, writer, sequence, entry, hash) VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

/** Only used in a batch of `appendRow`. Says of an intent which row settles it. */
export const settleRow: CqlStatement = {
  name: 'append_audit_rows',
  cql: `INSERT INTO audit_rows (scope, day, at_ms, writer, sequence, settled_at_ms, settled_by) VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent, one row. */
export const findRow: CqlStatement<AuditRowColumns> = {
  name: 'find_audit_row',
  cql: `SELECT ${columns} FROM audit_rows WHERE ${ofDay} AND at_ms = ? AND writer = ? AND sequence = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, a page. */
export const readOldestFirst: CqlStatement<AuditRowColumns> = {
  name: 'read_audit_rows',
  cql: `SELECT ${columns} FROM audit_rows WHERE ${ofDay} AND (at_ms, writer, sequence) > (?, ?, ?) LIMIT ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent, a page. */
export const readNewestFirst: CqlStatement<AuditRowColumns> = {
  name: 'read_audit_rows',
  cql: `SELECT ${columns} FROM audit_rows WHERE ${ofDay} AND (at_ms, writer, sequence) < (?, ?, ?)
    ORDER BY at_ms DESC, writer DESC, sequence DESC LIMIT ?`,
  mode: 'read',
};
