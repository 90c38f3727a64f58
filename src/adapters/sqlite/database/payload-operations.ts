/** Stores parts of `payloadPartBytes`. The first one describes the whole payload. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { payloadPartBytes } from '../../../application/ports/payload-store.ts';
import { damagedPayload } from '../../../application/storage/damaged-payload.ts';
import { partCount } from '../../../application/storage/payload-parts.ts';

/** Parts that one transaction deletes. It keeps every other writer waiting meanwhile. */
const deletedTogether = 16;

interface PartRow {
  readonly parts: number;
  readonly totalBytes: number;
  readonly sha256: Uint8Array;
  readonly bytes: Uint8Array;
}

export type PayloadHead = Pick<PartRow, 'totalBytes' | 'sha256'>;

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Undefined if parts are missing. A payload that is complete but altered is an error and never returned. */
function assemble(id: string, rows: readonly PartRow[]): Uint8Array | undefined {
  const first = rows[0];
  if (first === undefined || rows.length !== first.parts) return undefined;
  const whole = rows.length === 1 ? first.bytes : Buffer.concat(rows.map((row) => row.bytes));
  if (whole.byteLength !== first.totalBytes || !timingSafeEqual(digest(whole), first.sha256)) {
    throw damagedPayload(id);
  }
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength);
}

export function createPayloadOperations(file: DatabaseSync) {
  const put = file.prepare(
    `INSERT INTO payload_parts (id, part, parts, total_bytes, sha256, expires_at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET parts = excluded.parts, total_bytes = excluded.total_bytes, sha256 = excluded.sha256,
       expires_at = max(expires_at, excluded.expires_at), bytes = excluded.bytes`,
  );
  const all = file.prepare(
    `SELECT parts, total_bytes AS totalBytes, sha256, bytes FROM payload_parts
     WHERE id = ? AND expires_at > ? ORDER BY part`,
  );
  const headOf = file.prepare(
    `SELECT total_bytes AS totalBytes, sha256 FROM payload_parts WHERE id = ? AND part = 0 AND expires_at > ?`,
  );
  const onePart = file.prepare(`SELECT bytes FROM payload_parts WHERE id = ? AND part = ? AND expires_at > ?`);
  // Deletes from the last part to the first, so that a reader finds the whole payload or none.
  const remove = file.prepare(
    `DELETE FROM payload_parts WHERE rowid IN (
       SELECT rowid FROM payload_parts WHERE id = ? ORDER BY part DESC LIMIT ?)`,
  );
  const writes = {
    /** All parts in one transaction, because the payload is in memory anyway. */
    putPayload(id: string, expiresAtMs: number, bytes: Uint8Array): void {
      const parts = partCount(bytes.byteLength);
      const sha256 = digest(bytes);
      for (let part = 0; part < parts; part += 1) {
        const slice = bytes.subarray(part * payloadPartBytes, (part + 1) * payloadPartBytes);
        put.run(id, part, parts, bytes.byteLength, sha256, expiresAtMs, slice);
      }
    },
    /** One part. `totalBytes` counts for the first one, which is written last. */
    writePayload(
      id: string,
      { part, totalBytes, expiresAtMs }: { part: number; totalBytes: number; expiresAtMs: number },
      sha256: Uint8Array,
      bytes: Uint8Array,
    ): void {
      put.run(id, part, partCount(totalBytes), totalBytes, sha256, expiresAtMs, bytes);
    },
    /** Deletes some parts. True if there may be more. */
    deletePayload: (id: string): boolean => Number(remove.run(id, deletedTogether).changes) === deletedTogether,
  };
  const reads = {
    getPayload: (id: string, nowMs: number): Uint8Array | undefined =>
      assemble(id, all.all(id, nowMs) as unknown as readonly PartRow[]),
    openPayload(id: string, nowMs: number): PayloadHead | undefined {
      const row = headOf.get(id, nowMs) as unknown as PayloadHead | undefined;
      return row && { totalBytes: row.totalBytes, sha256: row.sha256 };
    },
    readPayload: (id: string, part: number, nowMs: number): Uint8Array | undefined =>
      (onePart.get(id, part, nowMs) as unknown as Pick<PartRow, 'bytes'> | undefined)?.bytes,
  };
  return { writes, reads };
}
