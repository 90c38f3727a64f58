/**
 * What the audit log says: who called what, from where, whether it was allowed, how it ended, and what it changed. Never
 * payloads, never secrets. An entry is JSON with sorted keys, so that everyone who checks it has the same bytes.
 */
import type { PrincipalKind } from '../access/principal.ts';
import type { ErrorCode } from '../errors.ts';
import { given } from '../given.ts';

/**
 * What is recorded of a method:
 *
 * - none: refused calls alone.
 * - submit: calls that add jobs. Only if the configuration says so, since they are many.
 * - changes: calls that change jobs.
 * - admin: calls that change queues, accounts, tenants or the cluster. They are refused while they cannot be recorded.
 * - read: calls that hand out payloads or logs. Who is recorded follows from the configuration.
 */
export const auditRules = ['none', 'submit', 'changes', 'admin', 'read'] as const;
export type AuditRule = (typeof auditRules)[number];

export interface FieldChange {
  readonly field: string;
  /** Absent: it had none. */
  readonly old?: string;
  /** Absent: it has none now. */
  readonly new?: string;
}

/** Jobs that a call has acted upon. */
export interface ActedJobs {
  readonly count: number;
  /** At most `actedIdsMax` of them. */
  readonly ids: readonly string[];
}

/** A call as it is recorded. */
export interface AuditedCall {
  readonly method: string;
  /** Absent: the caller showed nothing that says who it is. */
  readonly principal?: string;
  readonly principalKind?: PrincipalKind;
  /** The id of the API key, or that of the token. Never the text of either. */
  readonly credential?: string;
  readonly address: string;
  readonly agent?: string;
  readonly requestId: string;
  /** What the request is about, by names of `audited-request.ts`. */
  readonly about?: Readonly<Record<string, string>>;
  /** Why, as the caller says. */
  readonly reason?: string;
}

/** The row before it in its chain, which says more about the same call. */
interface OtherRow {
  readonly at: number;
  readonly seq: number;
}

export type AuditContent =
  | { readonly kind: 'intent'; readonly call: AuditedCall }
  | { readonly kind: 'denied'; readonly call: AuditedCall; readonly code: ErrorCode }
  | {
      readonly kind: 'outcome';
      readonly of: OtherRow;
      readonly code: ErrorCode | 'OK';
      readonly changes?: readonly FieldChange[];
      readonly jobs?: ActedJobs;
    }
  /** Refused calls beyond those that are recorded one by one. */
  | { readonly kind: 'more-denied'; readonly code: ErrorCode; readonly count: number }
  /** Rows that were lost, because the store was away for too long. */
  | { readonly kind: 'lost'; readonly count: number }
  /** The chain is complete. */
  | { readonly kind: 'end' };

export type AuditEntry = AuditContent & {
  /** Epoch ms by the clock of the machine that wrote it. Within a chain it never falls. */
  readonly at: number;
  readonly seq: number;
};

export const actedIdsMax = 100;
export const reasonMaxLength = 500;

/** How much of long texts and lists is kept, from the most to what always fits. */
const measures = [
  { text: 512, list: actedIdsMax },
  { text: 128, list: 32 },
  { text: 32, list: 4 },
] as const;

/** More than an entry, a call or what it is about has: who called what is never left out, however long the rest is. */
const fieldsMax = 12;

/** The text of an entry, of at most `maxBytes`. What is too long is cut, and ends with an ellipsis. */
export function entryText(entry: AuditEntry, maxBytes: number, bytesOf: (text: string) => number): string {
  let text = '';
  for (const measure of measures) {
    text = JSON.stringify(canonical(entry, measure));
    if (bytesOf(text) <= maxBytes) break;
  }
  return text;
}

function canonical(value: unknown, measure: (typeof measures)[number]): unknown {
  if (typeof value === 'string') return cut(value, measure.text);
  if (Array.isArray(value)) return value.slice(0, measure.list).map((item) => canonical(item, measure));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .slice(0, fieldsMax);
  return Object.fromEntries(fields.map(([name, field]) => [cut(name, measure.text), canonical(field, measure)]));
}

/** Never between the halves of a character. */
export function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text.toWellFormed();
  return `${text.slice(0, maxLength - 1).toWellFormed()}…`;
}

/** What differs between settings, in the order of the names. Of settings, which hold no secrets. */
export function changesBetween(
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, unknown>> | undefined,
): readonly FieldChange[] {
  const [old, now] = [new Map(Object.entries(before ?? {})), new Map(Object.entries(after ?? {}))];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((field) => {
    const [was, is] = [valueText(old.get(field)), valueText(now.get(field))];
    if (was === is) return [];
    return [{ field, ...given({ old: was, new: is }) }];
  });
}

function valueText(value: unknown): string | undefined {
  return typeof value === 'string' || value === undefined ? value : JSON.stringify(value);
}

/** Undefined for what no gateway has written. */
export function parseEntry(text: string): AuditEntry | undefined {
  try {
    const entry: unknown = JSON.parse(text);
    const isEntry = typeof entry === 'object' && entry !== null && 'kind' in entry && 'at' in entry && 'seq' in entry;
    return isEntry ? (entry as AuditEntry) : undefined;
  } catch {
    return undefined;
  }
}
