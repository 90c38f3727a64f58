/**
 * Makes the spans of jobs from their records, after the decisions are durable: one when a job was created, and one for each
 * attempt that has ended, also for one that was lost with its node. So nothing is kept open while a job waits or runs.
 *
 * A span is lost if the owner of the shard dies between the commit and the export; none is made twice. The id of a job says
 * which trace it is in. A trace that is not sampled gets those of its attempts that failed or were slow, at most
 * `keptPerSecond`.
 */
import type { JobRecord, RecordedOutcome, TrailEntry } from '../../domain/job.ts';
import { defaultPriority } from '../../domain/priority.ts';
import { TokenBucket } from '../../domain/token-bucket.ts';
import { assertNever } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { Clock } from '../ports/runtime.ts';
import type { FinishedSpan, SpanSink } from '../ports/span-sink.ts';
import { SlowRuns } from './slow-runs.ts';
import { attemptSpanIdOf, callerOf, isSampled, rootSpanIdOf, traceIdOf } from './trace-ids.ts';

/** Attempts of traces that are not sampled. */
const keptPerSecond = 100;

export interface JobSpansParts {
  readonly sink: SpanSink;
  /** Share of the jobs whose submitter does not say: 0 to 1. */
  readonly ratio: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export interface JobSpans {
  /** An entry of the trail has become durable for the first time. Each is told once, in order. */
  durable(record: JobRecord, entry: TrailEntry): void;
}

export function createJobSpans({ sink, ratio, clock }: JobSpansParts): JobSpans {
  const slow = new SlowRuns();
  const kept = new TokenBucket(keptPerSecond, clock.monotonicMs());

  function mayKeep({ outcome, ranMs, handler }: { outcome: RecordedOutcome; ranMs: number; handler: string }): boolean {
    const nowMs = clock.monotonicMs();
    const isSlow = slow.isSlow(handler, ranMs, nowMs);
    return (isFailed(outcome) || isSlow) && kept.take(nowMs);
  }

  return {
    durable(record, entry) {
      const { outcome, seq } = entry;
      if (seq !== 1 && outcome === undefined) return;
      const { id: jobId, spec } = record;
      const sampled = isSampled({ jobId, traceparent: spec.traceparent }, ratio);
      if (seq === 1 && sampled) sink.add(rootOf(record));
      if (outcome === undefined) return;
      const attempt = attemptOf(record, entry, outcome);
      const ranMs = attempt.endedAtMs - attempt.startedAtMs;
      if (!mayKeep({ outcome, ranMs, handler: spec.handler }) && !sampled) return;
      // Its parent, which was left out when the job was created.
      if (!sampled && isFirstAttempt(record, entry)) sink.add(rootOf(record));
      sink.add(attempt);
    },
  };
}

function isFailed(outcome: RecordedOutcome): boolean {
  switch (outcome) {
    case 'failed':
    case 'lost':
      return true;
    case 'succeeded':
    case 'snoozed':
    case 'cancelled':
    case 'given-back':
      return false;
    default:
      return assertNever(outcome);
  }
}

/** A later attempt of such a trace finds the root there if the first one was kept. */
function isFirstAttempt({ trail }: JobRecord, { seq }: TrailEntry): boolean {
  return !trail.some((entry) => entry.seq < seq && entry.outcome !== undefined && isFailed(entry.outcome));
}

function attributesOf({ id, spec }: JobRecord): Readonly<Record<string, string | number>> {
  return {
    'messaging.system': 'troupe',
    'messaging.destination.name': spec.queue,
    'messaging.message.id': id,
    'troupe.tenant': spec.tenant,
    'troupe.handler': spec.handler,
    'troupe.priority': spec.priority ?? defaultPriority,
  };
}

function rootOf(record: JobRecord): FinishedSpan {
  const { id, spec, createdAtMs, trail } = record;
  const links = [callerOf(spec.traceparent), spec.retryOf === undefined ? undefined : refOf(spec.retryOf)];
  const [first] = trail;
  const acceptedAtMs = first?.seq === 1 ? first.atMs : createdAtMs;
  return {
    traceId: traceIdOf(id),
    spanId: rootSpanIdOf(id),
    name: `create ${spec.queue}`,
    kind: 'producer',
    startedAtMs: Math.min(createdAtMs, acceptedAtMs),
    endedAtMs: acceptedAtMs,
    failed: false,
    attributes: {
      ...attributesOf(record),
      'messaging.operation.type': 'create',
      'messaging.operation.name': 'create',
    },
    links: links.filter((link) => link !== undefined),
  };
}

function refOf(jobId: string): FinishedSpan['links'][number] {
  return { traceId: traceIdOf(jobId), spanId: rootSpanIdOf(jobId) };
}

function attemptOf(record: JobRecord, end: TrailEntry, outcome: RecordedOutcome): FinishedSpan {
  const { id, spec, trail } = record;
  const { attempt, atMs } = end;
  const startedAt = trail.findLastIndex((entry) => entry.type === 'started' && entry.attempt === attempt);
  const start = trail[startedAt];
  const ready = trail[startedAt - 1];
  const startedAtMs = Math.min(start?.atMs ?? atMs, atMs);
  const before = attempt > 1 ? [{ traceId: traceIdOf(id), spanId: attemptSpanIdOf(id, attempt - 1) }] : [];
  return {
    traceId: traceIdOf(id),
    spanId: attemptSpanIdOf(id, attempt),
    parentSpanId: rootSpanIdOf(id),
    name: `process ${spec.handler}`,
    kind: 'consumer',
    startedAtMs,
    endedAtMs: atMs,
    failed: isFailed(outcome),
    attributes: given({
      ...attributesOf(record),
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'troupe.attempt': attempt,
      'troupe.outcome': outcome,
      'troupe.wait_ms': ready?.type === 'queued' ? Math.max(0, startedAtMs - ready.atMs) : undefined,
      'troupe.node': start?.node,
      // The code of the handler is its own word, and a short one; texts of failures stay out of traces.
      'error.type': isFailed(outcome) ? (end.code ?? end.reason ?? outcome) : undefined,
    }),
    links: before,
  };
}
