/** Submits an ended job again: a new job with the same spec. The old one stays as it ended, for every reader, for ever. */
import { TroupeError } from '../domain/errors.ts';
import { isTerminal } from '../domain/job.ts';
import type { JobRecord } from '../domain/job.ts';
import type { CallContext } from './call-context.ts';
import type { GetJob } from './get-job.ts';
import type { AcceptedJob, JobRequest, RequestPayload } from './job-request.ts';
import type { SubmitJobs } from './submit-jobs.ts';

export interface RetryRequest {
  readonly jobId: string;
  /** In place of the old one; absent: the same. */
  readonly input?: RequestPayload | undefined;
  /** Empty: none. */
  readonly idempotencyKey: string;
}

export type RetryJob = (context: CallContext, request: RetryRequest) => Promise<AcceptedJob>;

export function createRetryJob(parts: { readonly getJob: GetJob; readonly submit: SubmitJobs }): RetryJob {
  return async (context, { jobId, input, idempotencyKey }) => {
    const { record, input: former } = await parts.getJob(context, jobId);
    const { id, state } = record;
    if (!isTerminal(state)) {
      const message = `the job is ${state}: only one that has ended can be submitted again`;
      throw new TroupeError('JOB_STATE_FORBIDS', { message, metadata: { jobId: id, state } });
    }
    return parts.submit.one(context, requestAgain(record, input ?? former, idempotencyKey));
  };
}

/** Everything but the time it was due; what was said explicitly or filled in then is explicit now. */
function requestAgain({ id, spec }: JobRecord, input: RequestPayload | undefined, idempotencyKey: string): JobRequest {
  return {
    handler: spec.handler,
    handlerVersion: spec.handlerVersion,
    queue: spec.queue,
    input,
    queueTimeoutMs: spec.queueTimeoutMs,
    executionTimeoutMs: spec.executionTimeoutMs,
    totalTimeoutMs: spec.totalTimeoutMs,
    retry: spec.retry,
    retentionMs: spec.retentionMs,
    labels: spec.labels,
    unique: spec.unique,
    retryOf: id,
    idempotencyKey,
  };
}
