/** The audit log. Rows are inserted once; a repeated insert changes nothing, whatever it says. */
import type { DatabaseSync } from 'node:sqlite';
import type {
  AuditDay,
  AuditPage,
  AuditPosition,
  AuditRow,
  StoredAuditRow,
} from '../../../application/ports/audit-store.ts';
import { given } from '../../../domain/given.ts';

interface FoundRow extends AuditPosition {
  readonly entry: string;
  readonly hash: string;
  readonly settledAtMs: number | null;
  readonly settledBy: number | null;
}

const columns = 'at_ms AS atMs, writer, sequence, entry, hash, settled_at_ms AS settledAtMs, settled_by AS settledBy';
const ofDay = 'scope = ? AND day = ?';
const place = `${ofDay} AND at_ms = ? AND writer = ? AND sequence = ?`;
const present = 'expires_at > ?';

function toRow(found: unknown): StoredAuditRow {
  const { atMs, writer, sequence, entry, hash, settledAtMs, settledBy } = found as FoundRow;
  const settled = settledAtMs === null || settledBy === null ? undefined : { atMs: settledAtMs, sequence: settledBy };
  return { atMs, writer, sequence, entry, hash, ...given({ settledBy: settled }) };
}

export function createAuditOperations(file: DatabaseSync) {
  const insert = file.prepare(
    `INSERT INTO audit_rows (scope, day, at_ms, writer, sequence, entry, hash, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const settle = file.prepare(`UPDATE audit_rows SET settled_at_ms = ?, settled_by = ? WHERE ${place}`);
  const find = file.prepare(`SELECT ${columns} FROM audit_rows WHERE ${place} AND ${present}`);
  const list = (comparison: string, order: string) =>
    file.prepare(
      `SELECT ${columns} FROM audit_rows WHERE ${ofDay} AND (at_ms, writer, sequence) ${comparison} (?, ?, ?) AND ${present}
         ORDER BY at_ms ${order}, writer ${order}, sequence ${order} LIMIT ?`,
    );
  const oldestFirst = list('>', 'ASC');
  const newestFirst = list('<', 'DESC');
  const writes = {
    appendAuditRows({ scope, day }: AuditDay, rows: readonly AuditRow[], expiresAtMs: number): void {
      for (const { atMs, writer, sequence, entry, hash, settles } of rows) {
        insert.run(scope, day, atMs, writer, sequence, entry, hash, expiresAtMs);
        if (settles !== undefined) settle.run(atMs, sequence, scope, day, settles.atMs, writer, settles.sequence);
      }
    },
  };
  const reads = {
    readAuditRows({ scope, day }: AuditDay, page: AuditPage, nowMs: number): readonly StoredAuditRow[] {
      const { order, beyond, most } = page;
      const isAscending = order === 'oldest-first';
      const { atMs, writer, sequence } =
        beyond ??
        (isAscending
          ? { atMs: -1, writer: '', sequence: 0 }
          : { atMs: Number.MAX_SAFE_INTEGER, writer: '', sequence: 0 });
      return (isAscending ? oldestFirst : newestFirst).all(scope, day, atMs, writer, sequence, nowMs, most).map(toRow);
    },
    findAuditRow({ scope, day }: AuditDay, position: AuditPosition, nowMs: number): StoredAuditRow | undefined {
      const { atMs, writer, sequence } = position;
      const found = find.get(scope, day, atMs, writer, sequence, nowMs);
      return found === undefined ? undefined : toRow(found);
    },
  };
  return { writes, reads };
}
