/** What every store expects of those who write and read the audit log. */
import { invariant } from '../../domain/errors.ts';
import {
  type AuditDay,
  auditEntryMaxBytes,
  auditNameMaxBytes,
  type AuditPage,
  type AuditRow,
  auditRowsMax,
} from '../ports/audit-store.ts';

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

function expectName(text: string): void {
  invariant(
    text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= auditNameMaxBytes,
    'a scope or writer of the audit log is well-formed and has at most auditNameMaxBytes',
  );
}

export function expectAppendable({ scope, day }: AuditDay, rows: readonly AuditRow[]): void {
  expectName(scope);
  invariant(dayPattern.test(day), 'a day of the audit log is written as year, month and day');
  invariant(rows.length >= 1 && rows.length <= auditRowsMax, 'one write appends 1 to auditRowsMax rows');
  for (const { writer, entry } of rows) {
    expectName(writer);
    invariant(entry.isWellFormed(), 'an entry of the audit log is well-formed Unicode');
    invariant(Buffer.byteLength(entry) <= auditEntryMaxBytes, 'an entry has at most auditEntryMaxBytes');
  }
}

export function expectAuditPage({ most }: AuditPage): void {
  invariant(
    Number.isInteger(most) && most >= 1 && most <= auditRowsMax,
    'a page of the audit log has 1 to auditRowsMax rows',
  );
}
