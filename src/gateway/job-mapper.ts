/** Maps jobs between the contract and the domain. Tokens, hashes and other internals never leave. */
import type { FullJob, OpenedPayload } from '../application/jobs/get-job.ts';
import type { JobWaiting } from '../application/jobs/explain-job.ts';
import type { BulkQuery } from '../application/jobs/bulk-jobs.ts';
import {
  type AcceptedJob,
  emptyJobRequest,
  type JobRequest,
  type RequestPayload,
} from '../application/jobs/job-request.ts';
import type { PayloadOfJob } from '../application/jobs/job-payload.ts';
import type { ListJobsQuery } from '../application/jobs/list-jobs.ts';
import type { NewTime } from '../application/jobs/reschedule-job.ts';
import type { RetryRequest } from '../application/jobs/retry-job.ts';
import {
  attemptOutcomeCodes,
  failureReasonCodes,
  jobEventTypeCodes,
  jobStateCodes,
  payloadChoiceCodes,
  payloadGoneCodes,
  uniqueConflictCodes,
  waitingReasonCodes,
} from '../contract/codes.ts';
import type { Init, Whole } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs, toOptionalTime, toTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { holdsIn, type Principal } from '../domain/access/principal.ts';
import { payloadsExpireAtMs, payloadsKeptMs } from '../domain/payload-life.ts';
import { TroupeError } from '../domain/errors.ts';
import { defaultPriority } from '../domain/priority.ts';
import { expiresAtMs } from '../domain/record-life.ts';
import { retentionRange } from '../domain/setting-ranges.ts';
import {
  type Checkpoint,
  type Failure,
  type FailureReason,
  type JobRecord,
  type JobSpec,
  type JobState,
  type TrailEntry,
  trailMax,
  type UniqueKey,
} from '../domain/job.ts';
import { type Attempt, attemptsOf } from '../domain/trail.ts';
import { fromRetry, toRetry } from './retry-mapper.ts';
import { given } from '../domain/given.ts';

export function toAccepted({ jobId, state, duplicate }: AcceptedJob): Init<wire.SubmitJobResponse> {
  return { jobId, state: jobStateCodes[state], duplicate };
}

/** Maps one request of a batch. What is wrong with it is the outcome of this one alone. */
export function fromBatchedRequest(request: wire.SubmitJobRequest): JobRequest | TroupeError {
  try {
    return fromSubmitRequest(request);
  } catch (error) {
    return TroupeError.from(error);
  }
}

export function fromSubmitRequest(request: wire.SubmitJobRequest): JobRequest {
  const { job, idempotencyKey } = request;
  // A missing job becomes one with an empty handler, which the use case refuses with the name of the field.
  if (!job) return { ...emptyJobRequest, idempotencyKey };
  return {
    handler: job.handler,
    handlerVersion: job.handlerVersion || undefined,
    queue: job.queue,
    input: fromPayload(job.input, 'job.input'),
    runAtMs: timestampMs(job.runTime),
    queueTimeoutMs: durationMs(job.queueTimeout),
    executionTimeoutMs: durationMs(job.executionTimeout),
    heartbeatTimeoutMs: fromHeartbeat(job),
    totalTimeoutMs: durationMs(job.totalTimeout),
    retry: fromRetry(job.retry),
    retentionMs: durationMs(job.retention),
    payloadRetentionMs: durationMs(job.payloadRetention),
    labels: job.labels,
    unique: fromUnique(job.unique),
    priority: job.priority ?? undefined,
    refuseLate: job.refuseLate,
    concurrencyKey: job.concurrencyKey || undefined,
    fairnessKey: job.fairnessKey || undefined,
    retryOf: undefined,
    idempotencyKey,
    inputFingerprint: request.inputFingerprint.length === 0 ? undefined : request.inputFingerprint,
  };
}

/** The domain represents "no heartbeat timeout" as 0. The wire has a field for it, so a 0 on the wire is refused. */
function fromHeartbeat(job: wire.JobSpec): number | undefined {
  const ms = job.heartbeat === 'noHeartbeatTimeout' ? 0 : durationMs(job.heartbeatTimeout);
  if (ms !== 0 || job.noHeartbeatTimeout === true) return ms;
  const field = job.heartbeat === 'heartbeatTimeout' ? 'heartbeat_timeout' : 'no_heartbeat_timeout';
  const description = 'must not be 0 or false: no_heartbeat_timeout with true is no limit';
  throw new TroupeError('INVALID_JOB_SPEC', { violations: [{ field: `job.${field}`, description }] });
}

export function fromListRequest(request: wire.ListJobsRequest): ListJobsQuery {
  const { queue, pageSize, pageToken, oldestFirst } = request;
  return { ...fromFilter(request.filter), queue, pageSize, pageToken, oldestFirst };
}

export function fromFilter(filter: wire.JobFilter | null): BulkQuery['filter'] {
  return {
    states: filter?.states.map(knownState) ?? [],
    handler: filter?.handler ?? '',
    labels: filter?.labels ?? {},
    createdFromMs: timestampMs(filter?.createdFrom),
    createdBeforeMs: timestampMs(filter?.createdBefore),
    failureReasons: filter?.failureReasons.map(knownReason) ?? [],
    endedFromMs: timestampMs(filter?.endedFrom),
    endedBeforeMs: timestampMs(filter?.endedBefore),
    failureKind: filter?.failureKind ?? '',
  };
}

/** Refuses an unknown reason: ignoring it would select other jobs than the caller asked for. */
function knownReason(code: number, index: number): FailureReason {
  const reason = wordOf(failureReasonCodes, code);
  if (reason !== undefined) return reason;
  const violations = [{ field: `filter.failure_reasons[${index}]`, description: `unknown failure reason ${code}` }];
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

/** Refuses an unknown state, for the same reason. */
function knownState(code: number, index: number): JobState {
  const state = wordOf(jobStateCodes, code);
  if (state !== undefined) return state;
  const violations = [{ field: `filter.states[${index}]`, description: `unknown state ${code}` }];
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

export function fromRetryRequest({ jobId, input, idempotencyKey }: wire.RetryJobRequest): RetryRequest {
  return { jobId, input: fromPayload(input, 'input'), idempotencyKey };
}

export function fromPayloadChoice(code: number): PayloadOfJob['which'] {
  const choice = code === 0 ? 'output' : wordOf(payloadChoiceCodes, code);
  if (choice !== undefined) return choice;
  const violations = [{ field: 'payload', description: `unknown payload ${code}` }];
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

/** The requested time. Undefined if neither a time nor `now: true` is given, which the use case refuses. */
export function fromWhen(request: wire.RescheduleJobRequest): NewTime {
  if (request.when === 'now') return request.now === true ? 'now' : undefined;
  const atMs = timestampMs(request.runTime);
  return atMs === undefined ? undefined : { atMs };
}

function fromUnique(unique: wire.UniqueKey | null): UniqueKey | undefined {
  if (!unique) return undefined;
  const onConflict = unique.onConflict === 0 ? 'reject' : wordOf(uniqueConflictCodes, unique.onConflict);
  const windowMs = durationMs(unique.window);
  if (onConflict !== undefined) return { key: unique.key, onConflict, ...given({ windowMs }) };
  const violations = [{ field: 'job.unique.on_conflict', description: `unknown value ${unique.onConflict}` }];
  throw new TroupeError('INVALID_JOB_SPEC', { violations });
}

/**
 * Refuses what only answers have: a job that was read and is submitted again must not run with another input than it had.
 */
function fromPayload(payload: wire.Payload | null, field: string): RequestPayload | undefined {
  if (payload?.kind === 'gone') {
    const violations = [
      { field: `${field}.gone`, description: 'must be absent: the input is gone, state another one' },
    ];
    throw new TroupeError('INVALID_JOB_SPEC', { violations });
  }
  if (payload?.kind === 'withheldBytes') {
    const description = 'must be absent: the input was withheld from you, state another one or retry the job';
    throw new TroupeError('INVALID_JOB_SPEC', { violations: [{ field: `${field}.withheld_bytes`, description }] });
  }
  if (payload?.kind === 'largeBytes') {
    const description = 'must be absent: send the input itself, or retry the job';
    throw new TroupeError('INVALID_JOB_SPEC', { violations: [{ field: `${field}.large_bytes`, description }] });
  }
  if (payload?.kind === 'data') return { kind: 'bytes', bytes: payload.data ?? new Uint8Array() };
  return payload?.kind === 'json' ? { kind: 'json', json: payload.json ?? '' } : undefined;
}

/**
 * Maps a job for a reader. It contains the payloads that the view has opened, and what the handler wrote if the reader
 * may see it. The history is included on request.
 */
export function toJob(
  view: FullJob,
  reader: Pick<Principal, 'permissions' | 'onlyIn'>,
  options: { readonly history: boolean } = { history: false },
): Init<wire.Job> {
  const { record, progress } = view;
  const texts = holdsIn(reader, 'payloads.read', record.spec.queue);
  return {
    id: record.id,
    spec: { ...toSpec(record.spec), input: toPayload(view.input) },
    state: jobStateCodes[record.state],
    seq: record.seq,
    attempt: record.attempt,
    failures: record.failures,
    losses: record.losses,
    oomRetries: record.oomRetries ?? 0,
    createTime: toTime(record.createdAtMs),
    updateTime: toTime(record.updatedAtMs),
    readyTime: toTime(record.readyAtMs),
    firstStartTime: toOptionalTime(record.firstStartedAtMs),
    endTime: toOptionalTime(record.finishedAtMs),
    expireTime: toTime(expiresAtMs(record)),
    run: toRun(record),
    progress: progress && (texts ? progress : { fraction: progress.fraction }),
    checkpoint: record.checkpoint && toCheckpoint(record.checkpoint),
    output: toPayload(view.output),
    failure: record.failure && toFailure(record.failure, texts),
    cancelReason: record.cancelReason,
    retryOf: record.spec.retryOf,
    payloadsEraseTime: toOptionalTime(record.payloadsErasedAtMs),
    payloadsExpireTime: toOptionalTime(payloadsExpireAtMs(record)),
    waiting: view.waiting && toWaiting(view.waiting),
    history: options.history ? record.trail.slice(-trailMax).map(toEvent) : undefined,
    attempts: options.history ? attemptsOf(record).map((attempt) => toAttempt(attempt, texts)) : undefined,
    withheld: !texts,
  };
}

function toWaiting({ reason, detail, ahead, eta }: JobWaiting): Init<wire.JobWaiting> {
  return {
    reason: waitingReasonCodes[reason],
    detail,
    ahead,
    etaP50: toOptionalTime(eta?.p50Ms),
    etaP90: toOptionalTime(eta?.p90Ms),
  };
}

/**
 * Maps a spec so that it can be submitted again. With a start far ahead, stored times may exceed the range of a submit,
 * so they are limited to it.
 */
function toSpec(spec: JobSpec): Omit<Whole<wire.JobSpec, 'heartbeat'>, 'input'> {
  const sayable = (ms: number): number => Math.min(ms, retentionRange.max);
  return {
    handler: spec.handler,
    handlerVersion: spec.handlerVersion,
    queue: spec.queue,
    runTime: toOptionalTime(spec.runAtMs),
    queueTimeout: toOptionalTime(spec.queueTimeoutMs && sayable(spec.queueTimeoutMs)),
    executionTimeout: toTime(spec.executionTimeoutMs),
    heartbeatTimeout: toOptionalTime(spec.heartbeatTimeoutMs),
    noHeartbeatTimeout: spec.heartbeatTimeoutMs === undefined ? true : undefined,
    totalTimeout: toOptionalTime(spec.totalTimeoutMs && sayable(spec.totalTimeoutMs)),
    retry: toRetry(spec.retry),
    retention: toTime(sayable(spec.retentionMs)),
    payloadRetention: toTime(sayable(payloadsKeptMs(spec))),
    labels: spec.labels,
    priority: spec.priority ?? defaultPriority,
    refuseLate: spec.refuseLate,
    unique: spec.unique && toUnique(spec.unique),
    concurrencyKey: spec.concurrencyKey,
    fairnessKey: spec.fairnessKey,
  };
}

function toUnique({ key, onConflict, windowMs }: UniqueKey): Init<wire.UniqueKey> {
  return {
    key,
    onConflict: uniqueConflictCodes[onConflict],
    window: toOptionalTime(windowMs && Math.min(windowMs, retentionRange.max)),
  };
}

function toPayload(payload: OpenedPayload | undefined): Init<wire.Payload> | undefined {
  switch (payload?.kind) {
    case undefined:
      return undefined;
    case 'json':
      return { json: payload.json };
    case 'bytes':
      return { data: payload.bytes };
    case 'large':
      return { largeBytes: payload.bytes };
    case 'gone':
      return { gone: payloadGoneCodes[payload.why] };
    case 'withheld':
      return { withheldBytes: payload.bytes };
  }
}

function toRun({ run }: JobRecord): Init<wire.JobRun> | undefined {
  return run && { attempt: run.attempt, node: run.node, startTime: toTime(run.startedAtMs) };
}

function toCheckpoint({ attempt, atMs, bytes }: Checkpoint): Init<wire.JobCheckpoint> {
  return { attempt, time: toTime(atMs), sizeBytes: bytes };
}

/** Without `texts` only what is in words of the contract, and the handler's code. */
function toFailure(failure: Failure, texts: boolean): Init<wire.JobFailure> {
  const { reason, message, code, stack, causes = [] } = failure;
  if (!texts) return { reason: failureReasonCodes[reason], code };
  return { reason: failureReasonCodes[reason], message, code, stack, causes: [...causes] };
}

function toEvent(entry: TrailEntry): Init<wire.JobEvent> {
  return {
    seq: entry.seq,
    type: jobEventTypeCodes[entry.type],
    time: toTime(entry.atMs),
    attempt: entry.attempt,
    reason: entry.reason && failureReasonCodes[entry.reason],
    node: entry.node,
    caller: entry.by,
  };
}

function toAttempt(attempt: Attempt, texts: boolean): Init<wire.JobAttempt> {
  return {
    number: attempt.number,
    node: attempt.node,
    startTime: toTime(attempt.startedAtMs),
    endTime: toOptionalTime(attempt.endedAtMs),
    outcome: attempt.outcome && attemptOutcomeCodes[attempt.outcome],
    reason: attempt.reason && failureReasonCodes[attempt.reason],
    message: texts ? attempt.message : undefined,
    code: attempt.code,
  };
}
