/** `AuditStore` on Cassandra. */
import type { AuditStore, StoredAuditRow } from '../../application/ports/audit-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { expectAppendable, expectAuditPage } from '../../application/storage/audit-bounds.ts';
import { given } from '../../domain/given.ts';
import type { BatchItem, CqlClient } from './cql-client.ts';
import * as audit from './tables/audit-rows.ts';

function toRow(found: audit.AuditRowColumns): StoredAuditRow {
  const { at_ms: atMs, settled_at_ms: settledAtMs, settled_by: settledBy } = found;
  const settled =
    settledAtMs === null || settledBy === null ? undefined : { atMs: Number(settledAtMs), sequence: settledBy };
  return {
    atMs: Number(atMs),
    writer: found.writer,
    sequence: found.sequence,
    // What somebody has deleted is shown as an empty entry: then the chain is broken there, and says so.
    entry: found.entry ?? '',
    hash: found.hash ?? '',
    ...given({ settledBy: settled }),
  };
}

/** Whole seconds, rounded up, and one more, since Cassandra counts from the start of the present one. 0 would mean for ever. */
function ttlOf(expiresAtMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1_000)) + 1;
}

export function createCassandraAuditStore(client: CqlClient, clock: Clock): AuditStore {
  return {
    async appendRows(day, rows, expiresAtMs) {
      expectAppendable(day, rows);
      const { scope } = day;
      const ttl = ttlOf(expiresAtMs, clock.nowMs());
      const items = rows.flatMap(({ atMs, writer, sequence, entry, hash, settles }): readonly BatchItem[] => {
        const params = [scope, day.day, BigInt(atMs), writer, sequence, entry, hash, ttl];
        const row = { statement: audit.appendRow, params };
        if (settles === undefined) return [row];
        const intent = [scope, day.day, BigInt(settles.atMs), writer, settles.sequence];
        return [row, { statement: audit.settleRow, params: [...intent, BigInt(atMs), sequence, ttl] }];
      });
      // One partition, so all of them or none.
      await client.plainBatch(items);
    },
    async readRows({ scope, day }, page) {
      expectAuditPage(page);
      const isAscending = page.order === 'oldest-first';
      const beyond = page.beyond ?? { atMs: isAscending ? -1 : Number.MAX_SAFE_INTEGER, writer: '', sequence: 0 };
      const { atMs, writer, sequence } = beyond;
      const statement = isAscending ? audit.readOldestFirst : audit.readNewestFirst;
      return (await client.rows(statement, [scope, day, BigInt(atMs), writer, sequence, page.most])).map(toRow);
    },
    async findRow({ scope, day }, { atMs, writer, sequence }) {
      const found = (await client.rows(audit.findRow, [scope, day, BigInt(atMs), writer, sequence])).at(0);
      return found === undefined ? undefined : toRow(found);
    },
  };
}
