/** Submits an ended job again: a new job with the same spec. The old one stays as it ended, for every reader, for ever. */
import { TroupeError } from '../../domain/errors.ts';
import { isTerminal, type JobRecord, type RetryPolicy } from '../../domain/job.ts';
import { payloadsKeptMs } from '../../domain/payload-life.ts';
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import { openInput } from './get-job.ts';
import type { JobReader } from './job-reader.ts';
import type { AcceptedJob, JobRequest, RequestPayload } from './job-request.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { maxLossesDefault } from '../../domain/retry-policy.ts';
import { coefficientRange, delayRange, retentionRange } from '../../domain/setting-ranges.ts';
import type { SubmitJobs } from './submit-jobs.ts';

export interface RetryRequest {
  readonly jobId: string;
  /** In place of the old one; absent: the same. */
  readonly input?: RequestPayload | undefined;
  /** Empty: none. */
  readonly idempotencyKey: string;
}

export interface RetryJob {
  one(context: CallContext, request: RetryRequest): Promise<AcceptedJob>;
  /** For who has read the job already. */
  again(context: CallContext, record: JobRecord, request: Omit<RetryRequest, 'jobId'>): Promise<AcceptedJob>;
}

export interface RetryJobParts {
  readonly reader: JobReader;
  readonly payloads: PayloadStore;
  readonly submit: SubmitJobs;
  readonly clock: Clock;
}

export function createRetryJob({ reader, payloads, submit, clock }: RetryJobParts): RetryJob {
  async function inputOf(record: JobRecord): Promise<RequestPayload> {
    const input = await openInput(payloads, record, clock.nowMs());
    if (input.kind !== 'gone') return input;
    const message = `the input of the job is gone (${input.why}): give another one`;
    throw new TroupeError('PAYLOAD_GONE', { message, metadata: { jobId: record.id, why: input.why } });
  }

  const again: RetryJob['again'] = async (context, record, { input, idempotencyKey }) => {
    const { id, state } = record;
    if (!isTerminal(state)) {
      const message = `the job is ${state}: only one that has ended can be submitted again`;
      throw new TroupeError('JOB_STATE_FORBIDS', { message, metadata: { jobId: id, state } });
    }
    return submit.one(context, requestAgain(record, input ?? (await inputOf(record)), idempotencyKey));
  };

  return {
    again,
    async one(context, request) {
      ensureAwaited(context, clock.nowMs());
      const { record } = await reader.read(context.tenant, request.jobId);
      return again(context, record, request);
    },
  };
}

/** In the ranges of today, which are narrower than those that handlers once had. */
function retryAgain(retry: RetryPolicy): JobRequest['retry'] {
  const maxMs = Math.min(retry.maxMs, delayRange.max);
  return {
    ...retry,
    maxMs,
    initialMs: Math.min(retry.initialMs, maxMs),
    coefficient: Math.min(retry.coefficient, coefficientRange.max),
    nonRetryableCodes: retry.nonRetryableCodes ?? [],
    maxLosses: retry.maxLosses ?? maxLossesDefault,
  };
}

/**
 * Everything but the time it was due; what was said explicitly or filled in then is explicit now. A time that lay ahead had
 * made the retention longer than one may be said to be.
 */
export function requestAgain({ id, spec }: JobRecord, input: RequestPayload, idempotencyKey: string): JobRequest {
  const { unique } = spec;
  const retentionMs = Math.min(spec.retentionMs, retentionRange.max);
  const within = (ms: number | undefined): number | undefined => ms && Math.min(ms, retentionMs);
  const windowMs = within(unique?.windowMs);
  return {
    handler: spec.handler,
    handlerVersion: spec.handlerVersion,
    queue: spec.queue,
    input,
    queueTimeoutMs: within(spec.queueTimeoutMs),
    executionTimeoutMs: Math.min(spec.executionTimeoutMs, retentionMs),
    heartbeatTimeoutMs: within(spec.heartbeatTimeoutMs) ?? 0,
    totalTimeoutMs: within(spec.totalTimeoutMs),
    retry: retryAgain(spec.retry),
    retentionMs,
    payloadRetentionMs: within(payloadsKeptMs(spec)),
    labels: spec.labels,
    unique: unique && { ...unique, ...(windowMs !== undefined && { windowMs }) },
    refuseLate: spec.refuseLate,
    priority: spec.priority,
    concurrencyKey: spec.concurrencyKey,
    fairnessKey: spec.fairnessKey,
    retryOf: id,
    idempotencyKey,
  };
}
