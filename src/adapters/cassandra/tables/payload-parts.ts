/**
 * `payload_parts`: payloads too large for a record, in parts of at most 1 MiB. A partition is one part. Every part says
 * how many there are and what the whole is, so a payload counts only when all of it is there.
 */
import type { CqlStatement } from '../cql-statement.ts';

export const createPayloadParts = `CREATE TABLE IF NOT EXISTS payload_parts (
  id text, part int, parts int, total_bytes bigint, sha256 blob, bytes blob,
  PRIMARY KEY ((id, part))
) WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '8'}
  AND gc_grace_seconds = 10800`;

/** LOCAL_QUORUM, idempotent: the same id has the same bytes. TTL: until the payload expires. */
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

/** LOCAL_QUORUM, idempotent: one part. */
export const readPart: CqlStatement<PartRow> = {
  name: 'get_payload',
  cql: `SELECT parts, total_bytes, sha256, bytes FROM payload_parts WHERE id = ? AND part = ?`,
  mode: 'read',
};
