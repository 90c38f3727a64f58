/** An audit log in memory, for tests of what stands on it. It passes the contract suite of the real stores. */
import type {
  AuditDay,
  AuditPage,
  AuditPosition,
  AuditRow,
  AuditStore,
  StoredAuditRow,
} from '../../src/application/ports/audit-store.ts';
import { expectAppendable, expectAuditPage } from '../../src/application/storage/audit-bounds.ts';

function byPosition(one: AuditPosition, other: AuditPosition): number {
  return (
    one.atMs - other.atMs ||
    Buffer.compare(Buffer.from(one.writer), Buffer.from(other.writer)) ||
    one.sequence - other.sequence
  );
}

interface KeptRow extends StoredAuditRow {
  /** Default: never. */
  readonly expiresAtMs?: number;
}

/** Each operation is atomic. */
export class AuditTable {
  /** By scope and day. A test may change it behind the back of its writers. */
  readonly days = new Map<string, KeptRow[]>();

  append({ scope, day }: AuditDay, rows: readonly AuditRow[], expiresAtMs: number): void {
    expectAppendable({ scope, day }, rows);
    const present = this.#of({ scope, day });
    for (const { settles, ...row } of rows) {
      const isThere = present.some((one) => byPosition(one, row) === 0);
      if (!isThere) present.push({ ...row, expiresAtMs });
      if (settles === undefined) continue;
      const at = present.findIndex((one) => byPosition(one, { writer: row.writer, ...settles }) === 0);
      const intent = present[at];
      if (intent !== undefined) present[at] = { ...intent, settledBy: { atMs: row.atMs, sequence: row.sequence } };
    }
    present.sort(byPosition);
  }

  read(day: AuditDay, page: AuditPage, nowMs: number): readonly StoredAuditRow[] {
    expectAuditPage(page);
    const { order, beyond, most } = page;
    const present = this.#of(day).filter((row) => isKept(row, nowMs));
    const inOrder = order === 'oldest-first' ? present : present.toReversed();
    const sign = order === 'oldest-first' ? 1 : -1;
    return inOrder
      .filter((row) => beyond === undefined || sign * byPosition(row, beyond) > 0)
      .slice(0, most)
      .map(shown);
  }

  find(day: AuditDay, position: AuditPosition, nowMs: number): StoredAuditRow | undefined {
    const row = this.#of(day).find((one) => byPosition(one, position) === 0 && isKept(one, nowMs));
    return row && shown(row);
  }

  #of({ scope, day }: AuditDay): KeptRow[] {
    const key = JSON.stringify([scope, day]);
    let rows = this.days.get(key);
    if (rows === undefined) this.days.set(key, (rows = []));
    return rows;
  }
}

function isKept({ expiresAtMs = Infinity }: KeptRow, nowMs: number): boolean {
  return expiresAtMs > nowMs;
}

function shown({ expiresAtMs: _, ...row }: KeptRow): StoredAuditRow {
  return row;
}

/** Several made of one table are several processes on one store. Without a clock they keep what has expired. */
export function createMemoryAudit(table = new AuditTable(), nowMs: () => number = () => -Infinity): AuditStore {
  return {
    appendRows: async (day, rows, expiresAtMs) => table.append(day, rows, expiresAtMs),
    readRows: async (day, page) => table.read(day, page, nowMs()),
    findRow: async (day, position) => table.find(day, position, nowMs()),
  };
}
