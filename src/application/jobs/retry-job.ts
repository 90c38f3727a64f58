/** Submits an ended job again, as a new job with the same spec. The old job never changes. */
import { holdsIn } from '../../domain/access/principal.ts';
import { type FieldViolation, TroupeError } from '../../domain/errors.ts';
import { isSealed, isTerminal, type JobRecord, type Payload, type RetryPolicy, storedIdOf } from '../../domain/job.ts';
import { type GoneReason, payloadsKeptMs } from '../../domain/payload-life.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import {
  answeredMaxBytes,
  goneSince,
  openParts,
  openWhole,
  type PayloadSource,
  sizeOf,
  unlessDamaged,
} from './get-job.ts';
import type { JobReader } from './job-reader.ts';
import type { AcceptedJob, JobRequest, RequestedRetry, RequestPayload } from './job-request.ts';
import type { StoredPayload } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { maxLossesDefault } from '../../domain/retry-policy.ts';
import { coefficientRange, delayRange, retentionRange } from '../../domain/setting-ranges.ts';
import type { InputPiece } from './streamed-input.ts';
import type { SubmitJobs } from './submit-jobs.ts';
import { given } from '../../domain/given.ts';

export interface RetryRequest {
  readonly jobId: string;
  /** Replaces the input. If absent, the new job has the same input. */
  readonly input?: RequestPayload | undefined;
  /** Empty without a key. */
  readonly idempotencyKey: string;
  /** Told how many bytes of the former input will be loaded, before they are. It throws if there is no room. */
  readonly loads?: ((bytes: number) => void) | undefined;
}

type RetryRest = Omit<RetryRequest, 'jobId'>;

export interface RetryJob {
  one(context: CallContext, request: RetryRequest): Promise<AcceptedJob>;
  /** Bytes of the former input that a copy of the job holds in memory while it is submitted. */
  holds(record: JobRecord): number;
  /** For a caller that has already read the job. */
  again(context: CallContext, record: JobRecord, request: RetryRest): Promise<AcceptedJob>;
}

export interface RetryJobParts extends PayloadSource {
  readonly reader: JobReader;
  readonly submit: SubmitJobs;
  readonly clock: Clock;
}

export function createRetryJob(parts: RetryJobParts): RetryJob {
  const { reader, submit, clock } = parts;

  /** Loads the input, because it is checked against the schema of the handler. */
  async function withSameInput(
    context: CallContext,
    record: JobRecord,
    { idempotencyKey: key, loads }: RetryRest,
  ): Promise<AcceptedJob> {
    const { input: former } = record.spec;
    if (storedIdOf(former) !== undefined) loads?.(sizeOf(former));
    const input = await openWhole(parts, { record, payload: former, kind: 'input', nowMs: clock.nowMs() });
    if (input.kind === 'gone') throw inputGone(record, input.why);
    return submit
      .one(context, requestAgain(record, input, key), { seals: isSealed(former) })
      .catch((error: unknown) => {
        throw holdsIn(context.principal, 'payloads.read', record.spec.queue) ? error : withoutWords(error);
      });
  }

  /** Streams the input from its place to that of the copy. */
  async function withSameBytes(context: CallContext, record: JobRecord, key: string): Promise<AcceptedJob> {
    const { input } = record.spec;
    const why = goneSince(record, clock.nowMs());
    if (why !== undefined) throw inputGone(record, why);
    const stored = await unlessDamaged(openParts(parts, { record, payload: input, kind: 'input' }));
    if (stored === undefined) throw inputGone(record, 'missing');
    const open = { request: requestAgain(record, undefined, key), inputBytes: stored.bytes };
    return submit.streamed(context, open, piecesOf(stored), { seals: isSealed(input) });
  }

  const again: RetryJob['again'] = async (context, record, rest) => {
    const { input, idempotencyKey } = rest;
    const { id, state } = record;
    if (!isTerminal(state)) {
      const message = `the job is ${state}: only one that has ended can be submitted again`;
      throw new TroupeError('JOB_STATE_FORBIDS', { message, metadata: { jobId: id, state } });
    }
    const { input: same } = record.spec;
    if (input !== undefined)
      return submit.one(context, requestAgain(record, input, idempotencyKey), { seals: isSealed(same) });
    return isStreamed(same) ? withSameBytes(context, record, idempotencyKey) : withSameInput(context, record, rest);
  };

  return {
    again,
    holds({ spec: { input } }) {
      if (storedIdOf(input) === undefined) return 0;
      return isStreamed(input) ? submit.streamHolds(sizeOf(input)) : sizeOf(input);
    },
    async one(context, request) {
      ensureAwaited(context, clock.nowMs());
      const { record } = await reader.read(context, request.jobId);
      const accepted = await again(context, record, request);
      context.report?.({ jobId: accepted.jobId });
      return accepted;
    },
  };
}

/** A large input of bytes goes from its place to that of the copy in pieces. */
function isStreamed(input: Payload): boolean {
  const isStored = input.kind === 'ref' || input.kind === 'sealed-ref';
  return isStored && input.encoding === 'bytes' && input.bytes > answeredMaxBytes;
}

/** The checksum ends it, so that bytes which changed in the store make no job. */
async function* piecesOf(stored: StoredPayload): AsyncGenerator<InputPiece, void> {
  for await (const bytes of stored.readFrom(0)) yield { kind: 'chunk', bytes };
  yield { kind: 'sha256', sha256: stored.sha256 };
}

/** What is wrong with an input names its members, and the caller may see no word of it. */
function withoutWords(error: unknown): unknown {
  if (!(error instanceof TroupeError)) return error;
  const { code, message, metadata } = error;
  const isWord = ({ field }: FieldViolation): boolean => field.startsWith('job.input.json');
  if (!error.violations.some(isWord)) return error;
  const description =
    'no longer fits the handler: give another input, or ask somebody with payloads.read for the reason';
  const violations = [
    ...error.violations.filter((violation) => !isWord(violation)),
    { field: 'job.input', description },
  ];
  return new TroupeError(code, { message, metadata, violations });
}

function inputGone({ id }: JobRecord, why: GoneReason): TroupeError {
  const message = `the input of the job is gone (${why}): give another one`;
  return new TroupeError('PAYLOAD_GONE', { message, metadata: { jobId: id, why } });
}

/** Clamps the policy to the present ranges, which are narrower than those of earlier handlers. */
function retryAgain(retry: RetryPolicy): RequestedRetry {
  const maxMs = Math.min(retry.maxMs, delayRange.max);
  return {
    maxAttempts: retry.maxAttempts,
    maxMs,
    initialMs: Math.min(retry.initialMs, maxMs),
    coefficient: Math.min(retry.coefficient, coefficientRange.max),
    nonRetryableCodes: retry.nonRetryableCodes ?? [],
    maxLosses: retry.maxLosses ?? maxLossesDefault,
  };
}

/**
 * The request for a copy. It contains everything except the due time. Values that were filled in by defaults are now
 * explicit. The retention is capped, because a due time may have extended the original's beyond what a request may
 * state.
 */
export function requestAgain(
  { id, spec }: JobRecord,
  input: RequestPayload | undefined,
  idempotencyKey: string,
): JobRequest {
  const { unique } = spec;
  const retentionMs = Math.min(spec.retentionMs, retentionRange.max);
  const within = (ms: number | undefined): number | undefined => ms && Math.min(ms, retentionMs);
  const windowMs = within(unique?.windowMs);
  return {
    handler: spec.handler,
    handlerVersion: spec.handlerVersion,
    queue: spec.queue,
    input,
    runAtMs: undefined,
    queueTimeoutMs: within(spec.queueTimeoutMs),
    executionTimeoutMs: Math.min(spec.executionTimeoutMs, retentionMs),
    heartbeatTimeoutMs: within(spec.heartbeatTimeoutMs) ?? 0,
    totalTimeoutMs: within(spec.totalTimeoutMs),
    retry: retryAgain(spec.retry),
    retentionMs,
    payloadRetentionMs: within(payloadsKeptMs(spec)),
    labels: spec.labels,
    unique: unique && { ...unique, ...given({ windowMs }) },
    refuseLate: spec.refuseLate,
    priority: spec.priority,
    concurrencyKey: spec.concurrencyKey,
    fairnessKey: spec.fairnessKey,
    retryOf: id,
    idempotencyKey,
    inputFingerprint: undefined,
  };
}
