/**
 * `payload_parts`: payloads that are too large for a record, in parts of at most 1 MiB. Each part is a partition. The
 * first one holds the number of parts and describes the whole, so a payload counts only when it is complete.
 *
 * Deletes are rare (EraseJobPayloads) and remove whole partitions, so reads never walk over tombstones. The bytes leave
 * the disks with their file, at the latest when its window has expired.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createPayloadParts = `CREATE TABLE IF NOT EXISTS payload_parts (
  id text, part int, parts int, total_bytes bigint, sha256 blob, bytes blob,
  PRIMARY KEY ((id, part))
) WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '8'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM. Idempotent, because an id always has the same bytes. TTL: until the payload expires. */
export const putPart: CqlStatement = {
  name: 'put_payload',
  cql: `INSERT INTO payload_parts (id, part, parts, total_bytes, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

export interface PartRow {
  readonly parts: number;
  readonly total_bytes: bigint;
  readonly sha256: Buffer;
  readonly bytes: Buffer | null;
}

/** LOCAL_QUORUM, idempotent. One part. */
export const readPart: CqlStatement<PartRow> = {
  name: 'get_payload',
  cql: `SELECT parts, total_bytes, sha256, bytes FROM payload_parts WHERE id = ? AND part = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent. Describes the whole payload. */
export const readHead: CqlStatement<Omit<PartRow, 'bytes'>> = {
  name: 'open_payload',
  cql: `SELECT parts, total_bytes, sha256 FROM payload_parts WHERE id = ? AND part = 0`,
  mode: 'read',
};

export interface WrittenRow {
  readonly parts: number;
  /** Microseconds, by the writer's clock. */
  readonly written_at: bigint;
}

/** LOCAL_QUORUM, idempotent. When a part was written. */
export const readWritten: CqlStatement<WrittenRow> = {
  name: 'delete_payload',
  cql: `SELECT parts, writetime(sha256) AS written_at FROM payload_parts WHERE id = ? AND part = ?`,
  mode: 'read',
};

/** LOCAL_QUORUM, idempotent. The timestamp must be later than that of the write, whichever clock was ahead. */
export const deletePart: CqlStatement = {
  name: 'delete_payload',
  cql: `DELETE FROM payload_parts USING TIMESTAMP ? WHERE id = ? AND part = ?`,
  mode: 'write',
};
