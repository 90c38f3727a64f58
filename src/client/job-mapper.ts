/** Maps messages of the contract to the types of the client. job-requests.ts maps the other way. */
import {
  attemptOutcomeOf,
  failureReasonOf,
  goneReasonOf,
  jobEventTypeOf,
  jobStateOf,
  waitingReasonOf,
} from '../contract/job-codes.ts';
import { numberOf, presentNumber } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';
import type { GoneReason } from '../domain/payload-life.ts';
import { isTerminal } from '../domain/job.ts';
import { maxLossesDefault } from '../domain/retry-policy.ts';
import { fromFlow } from './flow.ts';
import type {
  FailureCauseInfo,
  JobAttemptInfo,
  JobCheckpointInfo,
  JobEventInfo,
  JobFailureInfo,
  JobInfo,
  JobWaitingInfo,
  QueueInfo,
  QueueSettingsInfo,
  RetryInfo,
  SubmittedJob,
} from './job-types.ts';

export function fromSubmitResponse({ jobId, state, duplicate }: wire.SubmitJobResponse): SubmittedJob {
  return { jobId, state: jobStateOf(state) ?? 'UNKNOWN', duplicate };
}

/**
 * Maps a job. Values that this client does not know become `UNKNOWN` or `unknown`, so that it works with newer
 * gateways.
 */
export function fromJob(job: wire.Job, parseJson: (text: string) => unknown): JobInfo {
  const { spec } = job;
  const state = jobStateOf(job.state) ?? 'UNKNOWN';
  return {
    id: job.id,
    handler: spec?.handler ?? '',
    queue: spec?.queue ?? '',
    state,
    final: state !== 'UNKNOWN' && isTerminal(state),
    seq: job.seq,
    attempt: job.attempt,
    failures: job.failures,
    losses: job.losses,
    oomRetries: job.oomRetries,
    createdAt: dateOf(job.createTime),
    updatedAt: dateOf(job.updateTime),
    readyAt: dateOf(job.readyTime),
    expiresAt: dateOf(job.expireTime),
    executionTimeoutMs: durationMs(spec?.executionTimeout) ?? 0,
    retry: fromRetry(spec?.retry),
    retentionMs: durationMs(spec?.retention) ?? 0,
    payloadRetentionMs: durationMs(spec?.payloadRetention) ?? durationMs(spec?.retention) ?? 0,
    labels: spec?.labels ?? {},
    priority: spec?.priority ?? 0,
    history: job.history.map(fromEvent),
    attempts: job.attempts.map(fromAttempt),
    ...optionalParts(job, parseJson),
  };
}

type Optional =
  | 'handlerVersion'
  | 'firstStartedAt'
  | 'endedAt'
  | 'runAt'
  | 'queueTimeoutMs'
  | 'heartbeatTimeoutMs'
  | 'totalTimeoutMs'
  | 'run'
  | 'progress'
  | 'checkpoint'
  | 'input'
  | 'inputGone'
  | 'output'
  | 'outputGone'
  | 'payloadsErasedAt'
  | 'payloadsExpireAt'
  | 'failure'
  | 'cancelReason'
  | 'retryOf'
  | 'uniqueKey'
  | 'uniqueWindowMs'
  | 'waiting'
  | 'concurrencyKey'
  | 'fairnessKey';

function optionalParts(job: wire.Job, parseJson: (text: string) => unknown): Pick<JobInfo, Optional> {
  const { spec, run, progress, checkpoint, failure } = job;
  const queueTimeoutMs = durationMs(spec?.queueTimeout);
  const totalTimeoutMs = durationMs(spec?.totalTimeout);
  const heartbeatTimeoutMs = durationMs(spec?.heartbeatTimeout);
  return {
    ...(spec !== null && spec.handlerVersion !== '' && { handlerVersion: spec.handlerVersion }),
    ...(job.firstStartTime && { firstStartedAt: dateOf(job.firstStartTime) }),
    ...(job.endTime && { endedAt: dateOf(job.endTime) }),
    ...(spec?.runTime && { runAt: dateOf(spec.runTime) }),
    ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
    ...(totalTimeoutMs !== undefined && { totalTimeoutMs }),
    ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }),
    ...(run && { run: { attempt: run.attempt, node: run.node, startedAt: dateOf(run.startTime) } }),
    ...(progress && { progress: { fraction: progress.fraction, note: progress.note } }),
    ...(spec?.input &&
      (spec.input.kind === 'gone' ? { inputGone: goneOf(spec.input) } : { input: fromPayload(spec.input, parseJson) })),
    ...(job.output &&
      (job.output.kind === 'gone'
        ? { outputGone: goneOf(job.output) }
        : { output: fromPayload(job.output, parseJson) })),
    ...(job.payloadsExpireTime && { payloadsExpireAt: dateOf(job.payloadsExpireTime) }),
    ...(job.payloadsEraseTime && { payloadsErasedAt: dateOf(job.payloadsEraseTime) }),
    ...(checkpoint && { checkpoint: fromCheckpoint(checkpoint) }),
    ...(failure && { failure: fromFailure(failure) }),
    ...(spec && spec.concurrencyKey !== '' && { concurrencyKey: spec.concurrencyKey }),
    ...(spec && spec.fairnessKey !== '' && { fairnessKey: spec.fairnessKey }),
    ...(spec?.unique && { uniqueKey: spec.unique.key }),
    ...(spec?.unique?.window && { uniqueWindowMs: durationMs(spec.unique.window) ?? 0 }),
    ...(job.retryOf !== '' && { retryOf: job.retryOf }),
    ...(job.waiting && { waiting: fromWaiting(job.waiting) }),
    ...(job.cancelReason !== '' && { cancelReason: job.cancelReason }),
  };
}

function goneOf({ gone }: wire.Payload): GoneReason | 'unknown' {
  return goneReasonOf(gone ?? 0) ?? 'unknown';
}

function fromPayload(payload: wire.Payload, parseJson: (text: string) => unknown): unknown {
  if (payload.kind === 'data') return payload.data;
  return payload.kind === 'json' ? parseJson(payload.json ?? 'null') : null;
}

function fromCheckpoint({ attempt, time, sizeBytes }: wire.JobCheckpoint): JobCheckpointInfo {
  return { attempt, at: dateOf(time), sizeBytes: numberOf(sizeBytes) };
}

function fromFailure(failure: wire.JobFailure): JobFailureInfo {
  return {
    reason: failureReasonOf(failure.reason) ?? 'UNKNOWN',
    message: failure.message,
    ...(failure.code !== '' && { code: failure.code }),
    ...(failure.causes.length > 0 && { causes: failure.causes.map(fromCause) }),
    ...(failure.stack !== '' && { stack: failure.stack }),
  };
}

function fromCause({ message, code }: wire.FailureCause): FailureCauseInfo {
  return { message, ...(code !== '' && { code }) };
}

function fromEvent(event: wire.JobEvent): JobEventInfo {
  return {
    seq: event.seq,
    type: jobEventTypeOf(event.type) ?? 'unknown',
    at: dateOf(event.time),
    attempt: event.attempt,
    ...(event.reason !== 0 && { reason: failureReasonOf(event.reason) ?? 'UNKNOWN' }),
    ...(event.node !== '' && { node: event.node }),
  };
}

function fromAttempt(attempt: wire.JobAttempt): JobAttemptInfo {
  return {
    number: attempt.number,
    ...(attempt.node !== '' && { node: attempt.node }),
    startedAt: dateOf(attempt.startTime),
    ...(attempt.endTime && {
      endedAt: dateOf(attempt.endTime),
      outcome: attemptOutcomeOf(attempt.outcome) ?? 'unknown',
    }),
    ...(attempt.reason !== 0 && { reason: failureReasonOf(attempt.reason) ?? 'UNKNOWN' }),
    ...(attempt.message !== '' && { message: attempt.message }),
    ...(attempt.code !== '' && { code: attempt.code }),
  };
}

function fromWaiting({ reason, detail, ahead, etaP50, etaP90 }: wire.JobWaiting): JobWaitingInfo {
  const [p50Ms, p90Ms] = [durationMs(etaP50), durationMs(etaP90)];
  return {
    reason: waitingReasonOf(reason) ?? 'UNKNOWN',
    detail,
    ...(typeof ahead === 'number' && { ahead }),
    ...(p50Ms !== undefined && p90Ms !== undefined && { eta: { p50Ms, p90Ms } }),
  };
}

function limitsOf(settings: wire.QueueSettings | null): Pick<QueueSettingsInfo, 'maxDepth' | 'maxBytes'> {
  const maxDepth = settings?.maxDepth;
  const maxBytes = presentNumber(settings, 'maxBytes');
  return { ...(typeof maxDepth === 'number' && { maxDepth }), ...(maxBytes !== undefined && { maxBytes }) };
}

export function fromQueue(queue: wire.Queue): QueueInfo {
  const heartbeatTimeoutMs = durationMs(queue.settings?.heartbeatTimeout);
  return {
    name: queue.name,
    settings: {
      executionTimeoutMs: durationMs(queue.settings?.executionTimeout) ?? 0,
      ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }),
      retry: fromRetry(queue.settings?.retry),
      retentionMs: durationMs(queue.settings?.retention) ?? 0,
      payloadRetentionMs: durationMs(queue.settings?.payloadRetention) ?? durationMs(queue.settings?.retention) ?? 0,
      ...limitsOf(queue.settings),
      flow: fromFlow(queue.settings?.flow),
    },
    version: queue.version,
    createdAt: dateOf(queue.createTime),
    updatedAt: dateOf(queue.updateTime),
    quarantines: queue.quarantines.map(({ node, reason, time }) => ({
      ...(node !== '' && { node }),
      reason,
      since: dateOf(time),
    })),
  };
}

function fromRetry(retry: wire.RetryPolicy | null | undefined): RetryInfo {
  const codes = retry?.nonRetryableCodes?.codes ?? [];
  return {
    maxAttempts: retry?.maxAttempts ?? 1,
    initialDelayMs: durationMs(retry?.initialDelay) ?? 0,
    coefficient: retry?.coefficient ?? 1,
    maxDelayMs: durationMs(retry?.maxDelay) ?? 0,
    ...(codes.length > 0 && { nonRetryableCodes: codes }),
    maxLosses: retry?.maxLosses ?? maxLossesDefault,
  };
}

function dateOf(time: wire.Timestamp | null): Date {
  return new Date(timestampMs(time) ?? 0);
}
