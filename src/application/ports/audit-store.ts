/**
 * Stores the audit log: rows that are appended, and never changed. Each writer has a chain of its own for each day, so
 * none waits for another, and a write that is repeated changes nothing.
 */

/** Whose entries, and of which day. They are read in one order, whoever wrote them. */
export interface AuditDay {
  /** `tenant/NAME`, or `cluster`. */
  readonly scope: string;
  /** UTC, such as `2026-11-30`. */
  readonly day: string;
}

/** Rows of a day are in the order of these three. */
export interface AuditPosition {
  /** Epoch ms. Within a chain it never falls. */
  readonly atMs: number;
  /** The chain: the id of the process that wrote it. */
  readonly writer: string;
  /** From 1, without a gap. */
  readonly sequence: number;
}

/** A row of the same day and writer. */
export type AuditNeighbour = Pick<AuditPosition, 'atMs' | 'sequence'>;

export interface AuditRow extends AuditPosition {
  /** JSON of at most `auditEntryMaxBytes`. */
  readonly entry: string;
  /** SHA-256 over the hash of the row before and the entry, as hexadecimal digits. */
  readonly hash: string;
  /** The row of the intent, if this one says how the call ended. It must be stored already, or be stored with this one. */
  readonly settles?: AuditNeighbour;
}

export interface StoredAuditRow extends AuditPosition {
  readonly entry: string;
  readonly hash: string;
  /** The row that says how the call ended. */
  readonly settledBy?: AuditNeighbour;
}

export interface AuditPage {
  readonly order: 'oldest-first' | 'newest-first';
  /** Rows beyond this one, in that order. Default: from the first row of the order. */
  readonly beyond?: AuditPosition;
  /** 1 to `auditRowsMax`. */
  readonly most: number;
}

export interface AuditStore {
  /**
   * At most `auditRowsMax` rows, all or none of them, durable when it resolves. Safe to repeat with the same rows, also
   * after an error that leaves open whether they were stored. Readers may miss a row that has passed `expiresAtMs`.
   */
  appendRows(day: AuditDay, rows: readonly AuditRow[], expiresAtMs: number): Promise<void>;
  readRows(day: AuditDay, page: AuditPage): Promise<readonly StoredAuditRow[]>;
  findRow(day: AuditDay, position: AuditPosition): Promise<StoredAuditRow | undefined>;
}

export const auditEntryMaxBytes = 8_192;
/** Of one write, and of one page. */
export const auditRowsMax = 256;
/** Of a scope, and of the name of a writer. */
export const auditNameMaxBytes = 256;
