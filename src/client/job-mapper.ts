/** Maps messages of the contract to the types of the client. job-requests.ts maps the other way. */
import {
  attemptOutcomeCodes,
  failureReasonCodes,
  jobEventTypeCodes,
  jobStateCodes,
  payloadGoneCodes,
  publishedEventsCodes,
  waitingReasonCodes,
} from '../contract/codes.ts';
import { numberOf, presentNumber } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
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
import { complete, given } from '../domain/given.ts';

export function fromSubmitResponse({ jobId, state, duplicate }: wire.SubmitJobResponse): SubmittedJob {
  return { jobId, state: wordOf(jobStateCodes, state) ?? 'UNKNOWN', duplicate };
}

/**
 * Maps a job. Values that this client does not know become `UNKNOWN` or `unknown`, so that it works with newer
 * gateways.
 */
export function fromJob(job: wire.Job, parseJson: (text: string) => unknown): JobInfo {
  const { spec, run, progress, checkpoint, failure } = job;
  const state = wordOf(jobStateCodes, job.state) ?? 'UNKNOWN';
  const input = payloadOf(spec?.input ?? null, parseJson);
  const output = payloadOf(job.output, parseJson);
  return complete<JobInfo>({
    id: job.id,
    handler: spec?.handler ?? '',
    handlerVersion: spec?.handlerVersion || undefined,
    queue: spec?.queue ?? '',
    state,
    // A state of a later version: the contract says that a job with an end time is final, whatever its state is called.
    final: state === 'UNKNOWN' ? job.endTime !== null : isTerminal(state),
    seq: job.seq,
    attempt: job.attempt,
    failures: job.failures,
    losses: job.losses,
    oomRetries: job.oomRetries,
    createdAt: dateOf(job.createTime),
    updatedAt: dateOf(job.updateTime),
    readyAt: dateOf(job.readyTime),
    firstStartedAt: job.firstStartTime ? dateOf(job.firstStartTime) : undefined,
    endedAt: job.endTime ? dateOf(job.endTime) : undefined,
    expiresAt: dateOf(job.expireTime),
    runAt: spec?.runTime ? dateOf(spec.runTime) : undefined,
    queueTimeoutMs: durationMs(spec?.queueTimeout),
    executionTimeoutMs: durationMs(spec?.executionTimeout) ?? 0,
    heartbeatTimeoutMs: durationMs(spec?.heartbeatTimeout),
    totalTimeoutMs: durationMs(spec?.totalTimeout),
    retry: fromRetry(spec?.retry),
    retentionMs: durationMs(spec?.retention) ?? 0,
    payloadRetentionMs: durationMs(spec?.payloadRetention) ?? durationMs(spec?.retention) ?? 0,
    labels: spec?.labels ?? {},
    priority: spec?.priority ?? 0,
    concurrencyKey: spec?.concurrencyKey || undefined,
    fairnessKey: spec?.fairnessKey || undefined,
    uniqueKey: spec?.unique?.key,
    uniqueWindowMs: durationMs(spec?.unique?.window),
    retryOf: job.retryOf || undefined,
    waiting: job.waiting ? fromWaiting(job.waiting) : undefined,
    run: run ? { attempt: run.attempt, node: run.node, startedAt: dateOf(run.startTime) } : undefined,
    progress: progress ? { fraction: progress.fraction, note: progress.note } : undefined,
    checkpoint: checkpoint ? fromCheckpoint(checkpoint) : undefined,
    input: input.value,
    inputGone: input.gone,
    inputLargeBytes: input.largeBytes,
    inputWithheldBytes: input.withheldBytes,
    output: output.value,
    outputGone: output.gone,
    outputLargeBytes: output.largeBytes,
    outputWithheldBytes: output.withheldBytes,
    withheld: job.withheld,
    payloadsExpireAt: job.payloadsExpireTime ? dateOf(job.payloadsExpireTime) : undefined,
    payloadsErasedAt: job.payloadsEraseTime ? dateOf(job.payloadsEraseTime) : undefined,
    failure: failure ? fromFailure(failure) : undefined,
    cancelReason: job.cancelReason || undefined,
    history: job.history.map(fromEvent),
    attempts: job.attempts.map(fromAttempt),
  });
}

interface ReadPayload {
  readonly value?: unknown;
  readonly gone?: GoneReason | 'keys-away' | 'unknown';
  readonly largeBytes?: number;
  readonly withheldBytes?: number;
}

function payloadOf(payload: wire.Payload | null, parseJson: (text: string) => unknown): ReadPayload {
  switch (payload?.kind) {
    case 'data':
      return { value: payload.data };
    case 'json':
      return { value: parseJson(payload.json ?? 'null') };
    case 'gone':
      return { gone: wordOf(payloadGoneCodes, payload.gone ?? 0) ?? 'unknown' };
    case 'largeBytes':
      return { largeBytes: numberOf(payload.largeBytes ?? 0) };
    case 'withheldBytes':
      return { withheldBytes: numberOf(payload.withheldBytes ?? 0) };
    case undefined:
      return payload === null ? {} : { value: null };
  }
}

function fromCheckpoint({ attempt, time, sizeBytes }: wire.JobCheckpoint): JobCheckpointInfo {
  return { attempt, at: dateOf(time), sizeBytes: numberOf(sizeBytes) };
}

function fromFailure(failure: wire.JobFailure): JobFailureInfo {
  return {
    reason: wordOf(failureReasonCodes, failure.reason) ?? 'UNKNOWN',
    message: failure.message,
    ...given({
      code: failure.code || undefined,
      causes: failure.causes.length > 0 ? failure.causes.map(fromCause) : undefined,
      stack: failure.stack || undefined,
    }),
  };
}

function fromCause({ message, code }: wire.FailureCause): FailureCauseInfo {
  return { message, ...given({ code: code || undefined }) };
}

function fromEvent(event: wire.JobEvent): JobEventInfo {
  return {
    seq: event.seq,
    type: wordOf(jobEventTypeCodes, event.type) ?? 'unknown',
    at: dateOf(event.time),
    attempt: event.attempt,
    ...given({
      reason: event.reason !== 0 ? (wordOf(failureReasonCodes, event.reason) ?? 'UNKNOWN') : undefined,
      node: event.node || undefined,
      caller: event.caller || undefined,
    }),
  };
}

function fromAttempt(attempt: wire.JobAttempt): JobAttemptInfo {
  return {
    number: attempt.number,
    ...given({ node: attempt.node || undefined }),
    startedAt: dateOf(attempt.startTime),
    ...given({
      endedAt: attempt.endTime ? dateOf(attempt.endTime) : undefined,
      outcome: attempt.endTime ? (wordOf(attemptOutcomeCodes, attempt.outcome) ?? 'unknown') : undefined,
      reason: attempt.reason !== 0 ? (wordOf(failureReasonCodes, attempt.reason) ?? 'UNKNOWN') : undefined,
      message: attempt.message || undefined,
      code: attempt.code || undefined,
    }),
  };
}

function fromWaiting({ reason, detail, ahead, etaP50, etaP90 }: wire.JobWaiting): JobWaitingInfo {
  const [p50Ms, p90Ms] = [durationMs(etaP50), durationMs(etaP90)];
  return {
    reason: wordOf(waitingReasonCodes, reason) ?? 'UNKNOWN',
    detail,
    ...given({
      ahead: typeof ahead === 'number' ? ahead : undefined,
      eta: p50Ms !== undefined && p90Ms !== undefined ? { p50Ms, p90Ms } : undefined,
    }),
  };
}

function limitsOf(settings: wire.QueueSettings | null): Pick<QueueSettingsInfo, 'maxDepth' | 'maxBytes'> {
  const maxDepth = settings?.maxDepth;
  const maxBytes = presentNumber(settings, 'maxBytes');
  return given({ maxDepth: typeof maxDepth === 'number' ? maxDepth : undefined, maxBytes });
}

export function fromQueue(queue: wire.Queue): QueueInfo {
  const heartbeatTimeoutMs = durationMs(queue.settings?.heartbeatTimeout);
  return {
    name: queue.name,
    settings: {
      executionTimeoutMs: durationMs(queue.settings?.executionTimeout) ?? 0,
      ...given({ heartbeatTimeoutMs }),
      retry: fromRetry(queue.settings?.retry),
      retentionMs: durationMs(queue.settings?.retention) ?? 0,
      payloadRetentionMs: durationMs(queue.settings?.payloadRetention) ?? durationMs(queue.settings?.retention) ?? 0,
      ...limitsOf(queue.settings),
      flow: fromFlow(queue.settings?.flow),
      // Gateways of earlier versions know no other.
      publishedEvents: wordOf(publishedEventsCodes, queue.settings?.publishedEvents ?? 0) ?? 'all',
    },
    version: queue.version,
    createdAt: dateOf(queue.createTime),
    updatedAt: dateOf(queue.updateTime),
    quarantines: queue.quarantines.map(({ node, reason, time }) => ({
      ...given({ node: node || undefined }),
      reason,
      since: dateOf(time),
    })),
  };
}

function fromRetry(retry: wire.RetryPolicy | null | undefined): RetryInfo {
  const codes = retry?.nonRetryableCodes?.codes ?? [];
  return complete<RetryInfo>({
    maxAttempts: retry?.maxAttempts ?? 1,
    initialDelayMs: durationMs(retry?.initialDelay) ?? 0,
    coefficient: retry?.coefficient ?? 1,
    maxDelayMs: durationMs(retry?.maxDelay) ?? 0,
    nonRetryableCodes: codes.length > 0 ? codes : undefined,
    maxLosses: retry?.maxLosses ?? maxLossesDefault,
  });
}

function dateOf(time: wire.Timestamp | null): Date {
  return new Date(timestampMs(time) ?? 0);
}
