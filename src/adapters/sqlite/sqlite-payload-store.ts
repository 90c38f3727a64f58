/** `PayloadStore` on SQLite: stores parts of `payloadPartBytes`. Each part describes the whole payload. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { payloadPartBytes, type PayloadStore } from '../../application/ports/payload-store.ts';
import { partCount, partsFrom, writeParts } from '../../application/storage/payload-parts.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Parts that one transaction deletes. It blocks the thread and every other writer meanwhile. */
const deletedTogether = 16;

interface PartRow {
  readonly parts: number;
  readonly totalBytes: number;
  readonly sha256: Uint8Array;
  readonly bytes: Uint8Array;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Undefined if parts are missing. A payload that is complete but altered is an error and never returned. */
function assemble(id: string, rows: readonly PartRow[]): Uint8Array | undefined {
  const first = rows[0];
  if (first === undefined || rows.length !== first.parts) return undefined;
  const whole = rows.length === 1 ? first.bytes : Buffer.concat(rows.map((row) => row.bytes));
  if (whole.byteLength !== first.totalBytes || !timingSafeEqual(digest(whole), first.sha256)) {
    throw new TroupeError('INTERNAL_ERROR', {
      message: 'a payload in the store is damaged',
      metadata: { payloadId: id },
    });
  }
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength);
}

export function createSqlitePayloadStore(database: SqliteDatabase, clock: Clock): PayloadStore {
  const put = database.prepare(
    `INSERT INTO payload_parts (id, part, parts, total_bytes, sha256, expires_at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET parts = excluded.parts, total_bytes = excluded.total_bytes, sha256 = excluded.sha256,
       expires_at = max(expires_at, excluded.expires_at), bytes = excluded.bytes`,
  );
  const read = database.prepare(
    `SELECT parts, total_bytes AS totalBytes, sha256, bytes FROM payload_parts
     WHERE id = ? AND expires_at > ? ORDER BY part`,
  );
  const headOf = database.prepare(
    `SELECT total_bytes AS totalBytes, sha256 FROM payload_parts WHERE id = ? AND part = 0 AND expires_at > ?`,
  );
  const onePart = database.prepare(`SELECT bytes FROM payload_parts WHERE id = ? AND part = ? AND expires_at > ?`);
  // Deletes from the last part to the first, so that a reader finds the whole payload or none.
  const remove = database.prepare(
    `DELETE FROM payload_parts WHERE rowid IN (
       SELECT rowid FROM payload_parts WHERE id = ? ORDER BY part DESC LIMIT ?)`,
  );
  async function deletePayload(id: string): Promise<void> {
    let left = true;
    while (left) {
      left = await database.write(
        'delete_payload',
        () => Number(remove.run(id, deletedTogether).changes) === deletedTogether,
      );
    }
  }
  return {
    deletePayload,
    // Each part is a transaction of its own, so that other writers get their turn. `writeParts` makes the payload
    // visible last.
    async writePayload({ name: id, bytes, expiresAtMs }, source) {
      const parts = partCount(bytes);
      try {
        const sha256 = await writeParts(source, (part, slice, whole) =>
          database.write('write_payload', () => put.run(id, part, parts, bytes, whole, expiresAtMs, slice)),
        );
        return { id, sha256 };
      } catch (error) {
        await deletePayload(id).catch(() => undefined);
        throw error;
      }
    },
    // All parts in one transaction, because the payload is in memory anyway.
    async putPayload({ name: id, bytes, expiresAtMs }) {
      const parts = partCount(bytes.byteLength);
      const sha256 = digest(bytes);
      await database.write('put_payload', () => {
        for (let part = 0; part < parts; part += 1) {
          const slice = bytes.subarray(part * payloadPartBytes, (part + 1) * payloadPartBytes);
          put.run(id, part, parts, bytes.byteLength, sha256, expiresAtMs, slice);
        }
      });
      return id;
    },
    async openPayload(id) {
      const row = await database.read('open_payload', () => headOf.get(id, clock.nowMs()));
      if (row === undefined) return undefined;
      const { totalBytes, sha256 } = row as unknown as Omit<PartRow, 'bytes'>;
      const part = async (number: number): Promise<Uint8Array | undefined> => {
        const found = await database.read('read_payload', () => onePart.get(id, number, clock.nowMs()));
        return (found as unknown as PartRow | undefined)?.bytes;
      };
      return { bytes: totalBytes, sha256, readFrom: (offset) => partsFrom(offset, totalBytes, part) };
    },
    async getPayload(id) {
      const rows = await database.read('get_payload', () => read.all(id, clock.nowMs()));
      return assemble(id, rows as unknown as readonly PartRow[]);
    },
  };
}
