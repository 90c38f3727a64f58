/**
 * Lists entries, newest first, day by day. One page reads a bounded number of rows and days, so a rare condition makes pages
 * with few entries, and not long calls.
 */
import { dayBefore, dayOf } from '../../domain/audit/audit-day.ts';
import { type AuditContent, type AuditEntry, type AuditedCall, parseEntry } from '../../domain/audit/audit-entry.ts';
import { given } from '../../domain/given.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type AuditCursor, auditPageToken, parseAuditPageToken } from '../calls/page-token.ts';
import type { AuditNeighbour, AuditPosition, AuditStore, StoredAuditRow } from '../ports/audit-store.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { Clock } from '../ports/runtime.ts';

export interface AuditQuery {
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  /** Empty conditions hold always. */
  readonly principal: string;
  readonly method: string;
  readonly resource: string;
  readonly decision: 'allowed' | 'denied' | undefined;
  readonly pageSize: number;
  readonly pageToken: string;
}

type Outcome = Extract<AuditContent, { readonly kind: 'outcome' }>;

/** An entry as it is shown: an intent with its outcome, if there is one. */
export interface ShownEntry {
  readonly id: string;
  readonly atMs: number;
  /** Undefined for what no gateway has written. */
  readonly entry: Exclude<AuditEntry, { readonly kind: 'outcome' | 'end' }> | undefined;
  readonly decision: 'allowed' | 'denied' | undefined;
  /** With its time. Undefined: unknown, or none is to come. */
  readonly outcome?: Outcome & { readonly at: number };
}

interface AuditPage {
  readonly entries: readonly ShownEntry[];
  readonly nextPageToken: string;
}

export interface ListParts {
  readonly store: Pick<AuditStore, 'readRows' | 'findRow'>;
  readonly clock: Clock;
}

const dayMs = 86_400_000;
const pageSizeDefault = 100;
const pageSizeMax = 500;
const windowDefaultMs = 7 * dayMs;
/** Rows of one page of the store. */
const readMax = 200;
/** Of one answer. */
const rowsMax = 4_000;
const daysMax = 62;
const conditionMax = 256;
/** What an entry takes in an answer, about. */
const shownBytes = 1_024;

export type ListEntries = (context: ReadContext, scope: string, query: AuditQuery) => Promise<AuditPage>;

export function createListEntries({ store, clock }: ListParts): ListEntries {
  return async (context, scope, query) => {
    ensureAwaited(context, clock.nowMs());
    checkQuery(query);
    const most = query.pageSize === 0 ? pageSizeDefault : Math.min(query.pageSize, pageSizeMax);
    context.reserve(most * shownBytes);
    const window = windowOf(query, clock.wallMs());
    const entries: ShownEntry[] = [];
    let cursor = firstCursor(query, window);
    const firstDay = dayOf(window.startMs);
    for (let [rows, days] = [0, 0]; cursor.day >= firstDay;) {
      if (entries.length >= most || rows >= rowsMax || days >= daysMax) {
        return { entries, nextPageToken: auditPageToken(cursor) };
      }
      ensureAwaited(context, clock.nowMs());
      const { day, beyond } = cursor;
      const page = await store.readRows({ scope, day }, { order: 'newest-first', most: readMax, ...given({ beyond }) });
      rows += page.length;
      const outcomes = outcomesIn(page);
      let last: AuditPosition | undefined;
      for (const row of page) {
        if (entries.length >= most) break;
        last = row;
        const shown = await shownOf(
          row,
          outcomes,
          (place) => store.findRow({ scope, day }, { writer: row.writer, ...place }),
          day,
        );
        if (shown !== undefined && shown.atMs >= window.startMs && fits(shown, query)) entries.push(shown);
      }
      const isDone = page.length < readMax && last === page.at(-1);
      if (isDone) days += 1;
      cursor = isDone ? { day: dayBefore(day), beyond: undefined } : { day, beyond: positionOf(last) };
    }
    return { entries, nextPageToken: '' };
  };
}

function checkQuery({ principal, method, resource, startMs, endMs }: AuditQuery): void {
  const checks = new FieldChecks();
  checks.length('filter.principal', principal, conditionMax);
  checks.length('filter.method', method, conditionMax);
  checks.length('filter.resource', resource, conditionMax);
  if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
    checks.add('filter.start_time', 'must be before end_time');
  }
  checks.ensureNone();
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** No entry is later than tomorrow, and none is older than 20 years. */
export function windowOf(
  { startMs, endMs }: Pick<AuditQuery, 'startMs' | 'endMs'>,
  nowMs: number,
  defaultMs = windowDefaultMs,
): Window {
  const latestMs = nowMs + dayMs;
  const earliestMs = nowMs - 20 * 365 * dayMs;
  const end = Math.min(Math.max(endMs ?? latestMs, earliestMs), latestMs);
  const start = startMs ?? Math.min(end, nowMs) - defaultMs;
  return { startMs: Math.min(Math.max(start, earliestMs), latestMs), endMs: end };
}

function firstCursor({ pageToken }: AuditQuery, { endMs }: Window): AuditCursor {
  if (pageToken !== '') return parseAuditPageToken(pageToken);
  return { day: dayOf(endMs), beyond: { atMs: Math.floor(endMs), writer: '', sequence: 0 } };
}

function positionOf(row: AuditPosition | undefined): AuditPosition | undefined {
  return row && { atMs: row.atMs, writer: row.writer, sequence: row.sequence };
}

type Outcomes = ReadonlyMap<string, Outcome & { readonly at: number }>;

function outcomesIn(page: readonly StoredAuditRow[]): Outcomes {
  const found = new Map<string, Outcome & { readonly at: number }>();
  for (const { writer, sequence, entry: text } of page) {
    const entry = parseEntry(text);
    if (entry?.kind === 'outcome') found.set(`${writer}/${sequence}`, entry);
  }
  return found;
}

/** Undefined for rows that are shown with another one, or not at all. */
async function shownOf(
  row: StoredAuditRow,
  outcomes: Outcomes,
  find: (place: AuditNeighbour) => Promise<StoredAuditRow | undefined>,
  day: string,
): Promise<ShownEntry | undefined> {
  const entry = parseEntry(row.entry);
  if (entry?.kind === 'outcome' || entry?.kind === 'end') return undefined;
  const base = { id: `${day}/${row.writer}/${row.sequence}`, atMs: row.atMs, entry };
  if (entry?.kind !== 'intent') {
    const isDenied = entry?.kind === 'denied' || entry?.kind === 'more-denied';
    return { ...base, decision: isDenied ? 'denied' : undefined };
  }
  const { settledBy } = row;
  const known = settledBy && outcomes.get(`${row.writer}/${settledBy.sequence}`);
  const found = known ?? (settledBy && parseEntry((await find(settledBy))?.entry ?? ''));
  // A note that points elsewhere settles nothing. VerifyAudit says more.
  const outcome = found?.kind === 'outcome' && found.of.seq === row.sequence ? found : undefined;
  const decision = outcome?.code === 'PERMISSION_MISSING' ? 'denied' : 'allowed';
  return { ...base, decision, ...given({ outcome }) };
}

export function callOf(entry: ShownEntry['entry']): AuditedCall | undefined {
  return entry?.kind === 'intent' || entry?.kind === 'denied' ? entry.call : undefined;
}

function fits({ entry, decision, outcome }: ShownEntry, query: AuditQuery): boolean {
  if (query.decision !== undefined && decision !== query.decision) return false;
  const { principal, method, resource } = query;
  if (principal === '' && method === '' && resource === '') return true;
  const call = callOf(entry);
  if (call === undefined) return false;
  if (principal !== '' && call.principal !== principal) return false;
  if (method !== '' && call.method !== method) return false;
  return (
    resource === '' ||
    Object.values(call.about ?? {}).includes(resource) ||
    (outcome?.jobs?.ids.includes(resource) ?? false)
  );
}
