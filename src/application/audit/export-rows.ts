/** Streams rows as they are stored, oldest first, day by day. A client that lost the stream goes on after any message. */
import { dayAfter, dayOf } from '../../domain/audit/audit-day.ts';
import { given } from '../../domain/given.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type AuditCursor, auditResumeToken, parseAuditResumeToken } from '../calls/page-token.ts';
import { auditRowsMax, type StoredAuditRow } from '../ports/audit-store.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import { type ListParts, windowOf } from './list-entries.ts';

interface ExportQuery {
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly resumeToken: string;
}

export interface ExportedRows {
  readonly day: string;
  readonly rows: readonly StoredAuditRow[];
  readonly resumeToken: string;
}

const windowDefaultMs = 86_400_000;

export type ExportRows = (
  context: ReadContext,
  scope: string,
  query: ExportQuery,
) => AsyncGenerator<ExportedRows, void>;

export function createExportRows({ store, clock }: ListParts): ExportRows {
  return async function* exportRows(context, scope, query) {
    const { startMs, endMs } = query;
    const checks = new FieldChecks();
    if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
      checks.add('start_time', 'must be before end_time');
    }
    checks.ensureNone();
    const window = windowOf(query, clock.wallMs(), windowDefaultMs);
    const lastDay = dayOf(window.endMs - 1);
    let cursor: AuditCursor =
      query.resumeToken === ''
        ? { day: dayOf(window.startMs), beyond: undefined }
        : parseAuditResumeToken(query.resumeToken);
    while (cursor.day <= lastDay) {
      ensureAwaited(context, clock.nowMs());
      const { day, beyond }: AuditCursor = cursor;
      const order = 'oldest-first';
      const rows = await store.readRows({ scope, day }, { order, most: auditRowsMax, ...given({ beyond }) });
      const last = rows.at(-1);
      if (last !== undefined) {
        cursor = { day, beyond: { atMs: last.atMs, writer: last.writer, sequence: last.sequence } };
        context.reserve(rows.reduce((sum, { entry }) => sum + entry.length, 0));
        yield { day, rows, resumeToken: auditResumeToken(cursor) };
      }
      if (rows.length < auditRowsMax) cursor = { day: dayAfter(day), beyond: undefined };
    }
  };
}
