/** Checks the filter of a listing, applies it, and computes the digest by which a page token recognises its listing. */
import { hash } from 'node:crypto';
import { checkLabels, type Labels } from '../../domain/labels.ts';
import { endedStates, type FailureReason, type JobRecord, type JobState } from '../../domain/job.ts';
import { failureKindPattern, isMadeWithTexts } from '../../domain/failure-kind.ts';
import { ownValue } from '../../domain/own-value.ts';
import { defaultQueueName, handlerNamePattern } from '../../domain/queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type CallContext, ensureHolds } from '../ports/call-context.ts';
import type { JobListQuery } from '../ports/job-store.ts';
import { hasFailureKind } from './failure-kind-id.ts';

export interface JobFilter {
  /** If empty, any state matches. */
  readonly states: readonly JobState[];
  /** If empty, any handler matches. */
  readonly handler: string;
  /** A job must have all of these labels with these values. */
  readonly labels: Labels;
  readonly createdFromMs?: number | undefined;
  /** Exclusive. */
  readonly createdBeforeMs?: number | undefined;
  /** Reasons of the last failure. If empty, any job matches. With reasons and no states, only FAILED jobs match. */
  readonly failureReasons?: readonly FailureReason[];
  /** Id of the kind of the last failure. If empty, any job matches. With a kind and no states, only FAILED jobs match. */
  readonly failureKind?: string;
  /** Inclusive. */
  readonly endedFromMs?: number | undefined;
  /** Exclusive. */
  readonly endedBeforeMs?: number | undefined;
}

/**
 * Refuses a filter that says nothing useful, and one by texts that the caller may not read: which jobs match it would tell
 * them. `queue`: an empty name means the queue `default`.
 */
export function checkFilter(context: Pick<CallContext, 'principal'>, queue: string, filter: JobFilter): void {
  const checks = new FieldChecks();
  if (filter.handler !== '') checks.pattern('filter.handler', filter.handler, handlerNamePattern);
  for (const { key, description } of checkLabels(filter.labels)) checks.add(`filter.labels[${key}]`, description);
  const { createdFromMs, createdBeforeMs } = filter;
  if (createdFromMs !== undefined && createdBeforeMs !== undefined && createdFromMs >= createdBeforeMs) {
    checks.add('filter.created_before', 'must be later than created_from');
  }
  const { endedFromMs, endedBeforeMs } = filter;
  if (endedFromMs !== undefined && endedBeforeMs !== undefined && endedFromMs >= endedBeforeMs) {
    checks.add('filter.ended_before', 'must be later than ended_from');
  }
  const { failureKind = '' } = filter;
  if (failureKind !== '') checks.pattern('filter.failure_kind', failureKind, failureKindPattern);
  checks.ensureNone();
  if (isMadeWithTexts(failureKind)) ensureHolds(context, 'payloads.read', queue || defaultQueueName);
}

/** A filter with reasons or a kind and without states means FAILED jobs. */
export function statesOf({
  states,
  failureReasons = [],
  failureKind = '',
}: Pick<JobFilter, 'states' | 'failureReasons' | 'failureKind'>): readonly JobState[] {
  return states.length === 0 && (failureReasons.length > 0 || failureKind !== '') ? ['FAILED'] : states;
}

/**
 * The states and reasons to search for, if the filter only asks for jobs that ended without success. Otherwise
 * undefined.
 */
export function endedOf(filter: JobFilter): JobListQuery['ended'] {
  const states = statesOf(filter);
  const ended = endedStates.filter((state) => states.includes(state));
  const isAll = states.length > 0 && new Set(states).size === ended.length;
  return isAll ? { states: ended, reasons: filter.failureReasons ?? [] } : undefined;
}

/** Undefined if every job matches, so that no record has to be examined. */
export function matcherOf(filter: JobFilter): ((record: JobRecord) => boolean) | undefined {
  const {
    handler,
    labels,
    failureReasons,
    failureKind = '',
    endedFromMs = -Infinity,
    endedBeforeMs = Infinity,
  } = filter;
  const wanted = Object.entries(labels);
  const anyOf = new Set(statesOf(filter));
  const reasons = new Set(failureReasons);
  const isTimed = Number.isFinite(endedFromMs) || Number.isFinite(endedBeforeMs);
  if (anyOf.size === 0 && handler === '' && wanted.length === 0 && !isTimed) return undefined;
  return (record) => {
    const { state, spec, failure, finishedAtMs = NaN } = record;
    return (
      (anyOf.size === 0 || anyOf.has(state)) &&
      (reasons.size === 0 || (failure !== undefined && reasons.has(failure.reason))) &&
      (!isTimed || (finishedAtMs >= endedFromMs && finishedAtMs < endedBeforeMs)) &&
      (handler === '' || spec.handler === handler) &&
      wanted.every(([key, value]) => ownValue(spec.labels, key) === value) &&
      (failureKind === '' || hasFailureKind(record, failureKind))
    );
  };
}

/** Equal for equal listings, regardless of the order in which the filter was written. */
export function filterDigest(filter: JobFilter & { readonly oldestFirst: boolean }): string {
  const { states, handler, labels, createdFromMs, createdBeforeMs, oldestFirst } = filter;
  const { failureReasons = [], failureKind = '', endedFromMs, endedBeforeMs } = filter;
  const parts = [
    ...[[...new Set(states)].sort(), handler, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))],
    ...[createdFromMs ?? null, createdBeforeMs ?? null, oldestFirst],
    ...[[...new Set(failureReasons)].sort(), endedFromMs ?? null, endedBeforeMs ?? null],
    // Left out if there is none, so that tokens of earlier versions count.
    ...(failureKind === '' ? [] : [failureKind]),
  ];
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 12);
}
