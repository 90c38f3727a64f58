/** What a request is about, as the audit log names it: jobs, queues, accounts. Never what is in a payload. */
import type { Metadata } from '@grpc/grpc-js';
import { cut, reasonMaxLength } from '../../domain/audit/audit-entry.ts';
import { ownValue } from '../../domain/own-value.ts';

/** Fields of requests, and what they name. The first of a name that is given counts. */
const fields: readonly (readonly [readonly string[], string])[] = [
  [['jobId'], 'job'],
  [['jobIds'], 'jobs'],
  [['queue'], 'queue'],
  [['job', 'queue'], 'queue'],
  [['submit', 'job', 'queue'], 'queue'],
  [['job', 'handler'], 'handler'],
  [['submit', 'job', 'handler'], 'handler'],
  [['name'], 'name'],
  [['account'], 'account'],
  [['keyId'], 'key'],
  [['tenant'], 'tenant'],
  [['node'], 'node'],
  [['filter'], 'filter'],
  [['redriveId'], 'redrive'],
];

/** Values longer than this are cut. */
const valueMax = 256;

export function requestFacts(request: unknown): Readonly<Record<string, string>> | undefined {
  const found = new Map<string, string>();
  for (const [path, name] of fields) {
    const text = textOf(valueAt(request, path));
    if (text !== undefined && !found.has(name)) found.set(name, kept(text, valueMax));
  }
  return found.size === 0 ? undefined : Object.fromEntries(found);
}

/** What the caller says in the header, or else in the request. */
export function callersReason(metadata: Metadata, request: unknown): string | undefined {
  const said = metadata.get('troupe-reason-bin')[0] ?? metadata.get('troupe-reason')[0];
  const text = said === undefined ? textOf(valueAt(request, ['reason'])) : said.toString('utf8');
  return text === undefined || text === '' ? undefined : kept(text, reasonMaxLength);
}

/** The beginning of a text as a text of its own. Else a row that waits for the store would hold all of a long one in memory. */
export function kept(text: string, maxLength: number): string {
  return Buffer.from(cut(text, maxLength)).toString();
}

function valueAt(request: unknown, path: readonly string[]): unknown {
  let value = request;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = ownValue(value as Readonly<Record<string, unknown>>, name);
  }
  return value;
}

/** Undefined for what is empty, and for bytes. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  const text = JSON.stringify(value);
  return text === '{}' ? undefined : text;
}
