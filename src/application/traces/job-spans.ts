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
import { assertNever } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { Clock } from '../ports/runtime.ts';
import type { FinishedSpan, SpanSink } from '../ports/span-sink.ts';
import { KeptAttempts } from './kept-attempts.ts';
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
  const kept = new KeptAttempts(keptPerSecond, clock.monotonicMs());

  return {
    durable(record, entry) {
      const { outcome, seq } = entry;
      if (seq !== 1 && outcome === undefined) return;
      const { id: jobId, spec } = record;
      const sampled = isSampled({ jobId, traceparent: spec.traceparent }, ratio);
      if (seq === 1 && sampled) sink.add(rootOf(record));
      if (outcome === undefined) return;
      const nowMs = clock.monotonicMs();
      const start = startOf(record, entry);
      const isSlow = slow.isSlow(spec.handler, entry.atMs - start.atMs, nowMs);
      if (!sampled) {
        if (!(isFailed(outcome) || isSlow) || !kept.take(spec.tenant, nowMs)) return;
        if (bringsRoot(record, entry, outcome)) sink.add(rootOf(record));
      }
      sink.add(attemptOf(record, { end: entry, start, outcome }));
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

/**
 * Whether the parent of an attempt comes with it, which was left out when the job was created: with the first one that
 * failed, or with the end of a job of which none did. So it is made once, whoever owns the shard by then. If the first one
 * was not kept, later ones do without.
 */
function bringsRoot(record: JobRecord, { seq, type }: TrailEntry, outcome: RecordedOutcome): boolean {
  const { trail, failures, losses, oomRetries = 0 } = record;
  const failed = trail.filter((entry) => entry.outcome !== undefined && isFailed(entry.outcome));
  if (failed.some((entry) => entry.seq < seq)) return false;
  // A long history has lost its first entries. Losses may count more than was lost: then it is not made.
  if (trail[0]?.seq !== 1 && failures + losses + oomRetries > failed.length) return false;
  return isFailed(outcome) || isEnd(type);
}

function isEnd(type: TrailEntry['type']): boolean {
  return type === 'succeeded' || type === 'failed' || type === 'cancelled';
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

interface Start {
  readonly atMs: number;
  readonly node: string | undefined;
  /** Undefined if the history does not say since when it was ready. */
  readonly waitedMs: number | undefined;
}

function startOf({ trail }: JobRecord, { attempt, atMs: endedAtMs }: TrailEntry): Start {
  const at = trail.findLastIndex((entry) => entry.type === 'started' && entry.attempt === attempt);
  const [ready, start] = [trail[at - 1], trail[at]];
  const atMs = Math.min(start?.atMs ?? endedAtMs, endedAtMs);
  return { atMs, node: start?.node, waitedMs: ready?.type === 'queued' ? Math.max(0, atMs - ready.atMs) : undefined };
}

interface EndedAttempt {
  readonly start: Start;
  readonly end: TrailEntry;
  readonly outcome: RecordedOutcome;
}

function attemptOf(record: JobRecord, { start, end, outcome }: EndedAttempt): FinishedSpan {
  const { id, spec } = record;
  const { attempt, atMs } = end;
  const before = attempt > 1 ? [{ traceId: traceIdOf(id), spanId: attemptSpanIdOf(id, attempt - 1) }] : [];
  return {
    traceId: traceIdOf(id),
    spanId: attemptSpanIdOf(id, attempt),
    parentSpanId: rootSpanIdOf(id),
    name: `process ${spec.handler}`,
    kind: 'consumer',
    startedAtMs: start.atMs,
    endedAtMs: atMs,
    failed: isFailed(outcome),
    attributes: given({
      ...attributesOf(record),
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'troupe.attempt': attempt,
      'troupe.outcome': outcome,
      'troupe.wait_ms': start.waitedMs,
      'troupe.node': start.node,
      // The code of the handler is its own word, and a short one; texts of failures stay out of traces.
      'error.type': isFailed(outcome) ? (end.code ?? end.reason ?? outcome) : undefined,
    }),
    links: before,
  };
}
