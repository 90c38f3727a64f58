/** Which jobs of a queue a list shows, checked; and its digest, by which a page token knows its list. */
import { hash } from 'node:crypto';
import { checkLabels } from '../domain/labels.ts';
import type { Labels } from '../domain/labels.ts';
import type { JobRecord, JobState } from '../domain/job.ts';
import { handlerNamePattern } from '../domain/queue.ts';
import { FieldChecks } from './field-checks.ts';

export interface JobFilter {
  /** Empty: any. */
  readonly states: readonly JobState[];
  /** Empty: any. */
  readonly handler: string;
  /** All of them, with these values. */
  readonly labels: Labels;
  readonly createdFromMs?: number | undefined;
  /** Not this instant itself. */
  readonly createdBeforeMs?: number | undefined;
  readonly oldestFirst: boolean;
}

export function checkFilter(filter: JobFilter): void {
  const checks = new FieldChecks();
  if (filter.handler !== '') checks.pattern('filter.handler', filter.handler, handlerNamePattern);
  for (const { key, description } of checkLabels(filter.labels)) checks.add(`filter.labels[${key}]`, description);
  const { createdFromMs, createdBeforeMs } = filter;
  if (createdFromMs !== undefined && createdBeforeMs !== undefined && createdFromMs >= createdBeforeMs) {
    checks.add('filter.created_before', 'must be later than created_from');
  }
  checks.ensureNone();
}

/** Undefined: every job matches, and nothing need be looked at to know it. */
export function matcherOf({ states, handler, labels }: JobFilter): ((record: JobRecord) => boolean) | undefined {
  const wanted = Object.entries(labels);
  if (states.length === 0 && handler === '' && wanted.length === 0) return undefined;
  const anyOf = new Set(states);
  return ({ state, spec }) =>
    (anyOf.size === 0 || anyOf.has(state)) &&
    (handler === '' || spec.handler === handler) &&
    wanted.every(([key, value]) => spec.labels?.[key] === value);
}

/** The same for the same list, whatever the order in which its filter was written. */
export function filterDigest(filter: JobFilter): string {
  const { states, handler, labels, createdFromMs, createdBeforeMs, oldestFirst } = filter;
  const parts = [
    ...[[...new Set(states)].sort(), handler, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))],
    ...[createdFromMs ?? null, createdBeforeMs ?? null, oldestFirst],
  ];
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 12);
}
