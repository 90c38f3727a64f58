/** `AuditStore` on SQLite. */
import type { AuditStore } from '../../application/ports/audit-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { expectAppendable, expectAuditPage } from '../../application/storage/audit-bounds.ts';
import type { StoreLink } from './link/store-link.ts';

export function createSqliteAuditStore(link: StoreLink, clock: Clock): AuditStore {
  return {
    async appendRows(day, rows, expiresAtMs) {
      expectAppendable(day, rows);
      await link.write('appendAuditRows', day, rows, expiresAtMs);
    },
    async readRows(day, page) {
      expectAuditPage(page);
      return link.read('readAuditRows', day, page, clock.nowMs());
    },
    findRow: (day, position) => link.read('findAuditRow', day, position, clock.nowMs()),
  };
}
