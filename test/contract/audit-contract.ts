/** The audit log: rows stay as they were appended, in one order for each day, whoever wrote them. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type AuditDay,
  auditEntryMaxBytes,
  auditNameMaxBytes,
  type AuditPage,
  type AuditRow,
  auditRowsMax,
  type AuditStore,
  type StoredAuditRow,
} from '../../src/application/ports/audit-store.ts';
import { given } from '../../src/domain/given.ts';

/** Two processes that share an audit log. */
export interface AuditUnderTest {
  readonly first: { readonly audit: AuditStore };
  readonly second: { readonly audit: AuditStore };
}

function freshDay(more: Partial<AuditDay> = {}): AuditDay {
  return { scope: `tenant/${randomUUID()}`, day: '2026-11-30', ...more };
}

function row(atMs: number, writer: string, sequence: number, more: Partial<AuditRow> = {}): AuditRow {
  return { atMs, writer, sequence, entry: JSON.stringify({ writer, sequence }), hash: `hash-${sequence}`, ...more };
}

const later = (): number => Date.now() + 3_600_000;

async function allOf(store: AuditStore, day: AuditDay, order: AuditPage['order'], most: number) {
  const found: StoredAuditRow[] = [];
  for (;;) {
    const beyond = found.at(-1);
    const page = await store.readRows(day, { order, most, ...given({ beyond }) });
    expect(page.length).toBeLessThanOrEqual(most);
    if (page.length === 0) return found;
    found.push(...page);
  }
}

export function describeAudit(use: () => AuditUnderTest): void {
  describe('the audit log', () => {
    it('has the rows of all writers of a day in one order, in pages from either end', async () => {
      const { first, second } = use();
      const day = freshDay();
      const mine = [row(1, 'b', 1), row(5, 'b', 2), row(5, 'b', 3), row(5, 'b', 10)];
      const others = [row(5, 'B', 1), row(5, 'c', 1), row(7, 'c', 2)];
      await first.audit.appendRows(day, mine, later());
      await second.audit.appendRows(day, others, later());
      const expected = [mine[0], others[0], mine[1], mine[2], mine[3], others[1], others[2]];
      for (const most of [1, 3, auditRowsMax]) {
        expect(await allOf(second.audit, day, 'oldest-first', most)).toEqual(expected);
        expect(await allOf(first.audit, day, 'newest-first', most)).toEqual(expected.toReversed());
      }
    });

    it('has those of its scope and day alone', async () => {
      const { first, second } = use();
      const day = freshDay();
      await first.audit.appendRows(day, [row(1, 'w', 1)], later());
      for (const other of [
        { ...day, day: '2026-12-01' },
        { ...day, scope: `${day.scope}/` },
        { ...day, scope: '__proto__' },
      ]) {
        expect(await second.audit.readRows(other, { order: 'oldest-first', most: 9 })).toEqual([]);
        expect(await second.audit.findRow(other, row(1, 'w', 1))).toBeUndefined();
      }
    });

    it('says of an intent which row settles it, whether they are written together or not', async () => {
      const { first, second } = use();
      const day = freshDay();
      await first.audit.appendRows(
        day,
        [row(1, 'w', 1), row(2, 'w', 2), row(2, 'w', 3, { settles: { atMs: 2, sequence: 2 } })],
        later(),
      );
      await first.audit.appendRows(day, [row(9, 'w', 4, { settles: { atMs: 1, sequence: 1 } })], later());
      expect(await second.audit.readRows(day, { order: 'oldest-first', most: 9 })).toEqual([
        { ...row(1, 'w', 1), settledBy: { atMs: 9, sequence: 4 } },
        { ...row(2, 'w', 2), settledBy: { atMs: 2, sequence: 3 } },
        row(2, 'w', 3),
        row(9, 'w', 4),
      ]);
      expect(await second.audit.findRow(day, row(9, 'w', 4))).toEqual(row(9, 'w', 4));
      expect(await second.audit.findRow(day, row(9, 'w', 5))).toBeUndefined();
    });

    it('is the same after the same rows were appended again', async () => {
      const { first, second } = use();
      const day = freshDay();
      const rows = [row(1, 'w', 1), row(2, 'w', 2, { settles: { atMs: 1, sequence: 1 } })];
      await first.audit.appendRows(day, rows, later());
      const before = await second.audit.readRows(day, { order: 'oldest-first', most: 9 });
      await first.audit.appendRows(day, rows, later());
      expect(await second.audit.readRows(day, { order: 'oldest-first', most: 9 })).toEqual(before);
    });

    it('keeps as many rows as a write may have, of the largest size, to the byte', async () => {
      const { first, second } = use();
      const day = freshDay({ scope: randomUUID().padEnd(auditNameMaxBytes, 's') });
      const head = JSON.stringify('né\u0000\u{1F600} ').slice(0, -1);
      const entry = `${head}${'x'.repeat(auditEntryMaxBytes - Buffer.byteLength(head) - 1)}"`;
      const rows = Array.from({ length: auditRowsMax }, (_, n) => row(n, 'w', n + 1, { entry }));
      await first.audit.appendRows(day, rows, later());
      expect(await second.audit.readRows(day, { order: 'oldest-first', most: auditRowsMax })).toEqual(rows);
    });

    it('takes nothing beyond its bounds', async () => {
      const { first } = use();
      const day = freshDay();
      const one = row(1, 'w', 1);
      const wrong: readonly (readonly [AuditDay, readonly AuditRow[]])[] = [
        [day, []],
        [day, Array.from({ length: auditRowsMax + 1 }, (_, n) => row(n, 'w', n + 1))],
        [day, [{ ...one, entry: 'x'.repeat(auditEntryMaxBytes + 1) }]],
        [day, [{ ...one, entry: '\uD800' }]],
        [day, [{ ...one, writer: '' }]],
        [{ ...day, scope: 'x'.repeat(auditNameMaxBytes + 1) }, [one]],
        [{ ...day, day: 'today' }, [one]],
      ];
      for (const [where, rows] of wrong) {
        await expect(async () => first.audit.appendRows(where, rows, later())).rejects.toThrow(/invariant broken/);
      }
      for (const most of [0, 1.5, auditRowsMax + 1]) {
        const asked = async () => first.audit.readRows(day, { order: 'newest-first', most });
        await expect(asked).rejects.toThrow(/auditRowsMax/);
      }
      expect(await first.audit.readRows(day, { order: 'oldest-first', most: 9 })).toEqual([]);
    });
  });
}

/** Needs a store whose rows expire by the real time. */
export function describeAuditExpiry(use: () => AuditUnderTest): void {
  describe('the audit log', () => {
    it('is free of a row some seconds after its retention, and keeps the others', async () => {
      const { first, second } = use();
      const day = freshDay();
      await first.audit.appendRows(day, [row(1, 'w', 1)], Date.now());
      await first.audit.appendRows(day, [row(2, 'w', 2)], later());
      const left = async () =>
        (await second.audit.readRows(day, { order: 'oldest-first', most: 9 })).map((one) => one.sequence);
      await expect.poll(left, { timeout: 15_000, interval: 100 }).toEqual([2]);
    });
  });
}
