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

/** Each operation is atomic. */
export class AuditTable {
  /** By scope and day. A test may change it behind the back of its writers. */
  readonly days = new Map<string, StoredAuditRow[]>();

  append({ scope, day }: AuditDay, rows: readonly AuditRow[]): void {
    expectAppendable({ scope, day }, rows);
    const present = this.#of({ scope, day });
    for (const { settles, ...row } of rows) {
      const isThere = present.some((one) => byPosition(one, row) === 0);
      if (!isThere) present.push(row);
      if (settles === undefined) continue;
      const at = present.findIndex((one) => byPosition(one, { writer: row.writer, ...settles }) === 0);
      const intent = present[at];
      if (intent !== undefined) present[at] = { ...intent, settledBy: { atMs: row.atMs, sequence: row.sequence } };
    }
    present.sort(byPosition);
  }

  read(day: AuditDay, page: AuditPage): readonly StoredAuditRow[] {
    expectAuditPage(page);
    const { order, beyond, most } = page;
    const present = this.#of(day);
    const inOrder = order === 'oldest-first' ? present : present.toReversed();
    const sign = order === 'oldest-first' ? 1 : -1;
    return inOrder.filter((row) => beyond === undefined || sign * byPosition(row, beyond) > 0).slice(0, most);
  }

  find(day: AuditDay, position: AuditPosition): StoredAuditRow | undefined {
    return this.#of(day).find((row) => byPosition(row, position) === 0);
  }

  #of({ scope, day }: AuditDay): StoredAuditRow[] {
    const key = JSON.stringify([scope, day]);
    let rows = this.days.get(key);
    if (rows === undefined) this.days.set(key, (rows = []));
    return rows;
  }
}

/** Several made of one table are several processes on one store. */
export function createMemoryAudit(table = new AuditTable()): AuditStore {
  return {
    appendRows: async (day, rows) => table.append(day, rows),
    readRows: async (day, page) => table.read(day, page),
    findRow: async (day, position) => table.find(day, position),
  };
}
