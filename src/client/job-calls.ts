/** What the client asks of single jobs, and their lists. */
import type { CallParts } from './call-parts.ts';
import { randomUUID } from 'node:crypto';
import type * as wire from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';
import { incompleteAnswer, notSayable } from './client-error.ts';
import type { CallSettings } from './connection.ts';
import { fromJob, fromSubmitResponse } from './job-mapper.ts';
import { keyGiven, toFilter, toPayload } from './job-requests.ts';
import type { JobInfo, ListOptions, RetryJobOptions, SubmittedJob } from './job-types.ts';
import { withRetries } from './retry.ts';

export interface JobCalls {
  /** With `explain` also why it does not run, if it waits. */
  get(jobId: string, options?: CallSettings & { readonly explain?: boolean }): Promise<JobInfo>;
  /** Newest first, unless told otherwise; pages are fetched as they are needed. */
  list(options?: ListOptions): AsyncGenerator<JobInfo, void>;
  /** Submits an ended job again, as a new one. */
  retry(jobId: string, options?: RetryJobOptions & CallSettings): Promise<SubmittedJob>;
  /** Another time for a job that waits for its time (SCHEDULED, RETRYING); a time in the past is now. */
  reschedule(jobId: string, when: Date | 'now', settings?: CallSettings): Promise<JobInfo>;
  cancel(jobId: string, reason?: string, settings?: CallSettings): Promise<JobInfo>;
  /** Erases input and output of an ended job, at once and durably; the rest of it stays. */
  erasePayloads(jobId: string, settings?: CallSettings): Promise<JobInfo>;
}

const listPageSize = 100;

interface JobCallParts extends CallParts {
  /** Default of `idempotencyKey` for a retry: one that is made up. */
  readonly idempotent: boolean;
}

export function createJobCalls(parts: JobCallParts): JobCalls {
  const { connection, backoff, idempotent, parseJson } = parts;
  const { jobs } = parts.contract;

  const jobOf = ({ job }: { readonly job: wire.Job | null }): JobInfo => {
    if (!job) throw incompleteAnswer('the gateway answered without a job');
    return fromJob(job, parseJson);
  };

  async function* list(listOptions: ListOptions = {}): AsyncGenerator<JobInfo, void> {
    let left = wholeLimit(listOptions.limit);
    if (left === 0) return;
    let pageToken = '';
    do {
      const request = {
        queue: listOptions.queue,
        filter: toFilter(listOptions),
        oldestFirst: listOptions.oldestFirst,
        pageSize: Math.min(listPageSize, left),
        pageToken,
      };
      const page = await withRetries(backoff, 'always', undefined, () => connection.unary(jobs.ListJobs, request));
      for (const job of page.jobs) {
        yield fromJob(job, parseJson);
        left -= 1;
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && left > 0);
  }

  async function get(jobId: string, asked: CallSettings & { readonly explain?: boolean } = {}): Promise<JobInfo> {
    const { explain, ...settings } = asked;
    const call = (): Promise<wire.GetJobResponse> => connection.unary(jobs.GetJob, { jobId, explain }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call));
  }

  async function cancel(jobId: string, reason = '', settings: CallSettings = {}): Promise<JobInfo> {
    const call = (): Promise<wire.CancelJobResponse> => connection.unary(jobs.CancelJob, { jobId, reason }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call));
  }

  async function erasePayloads(jobId: string, settings: CallSettings = {}): Promise<JobInfo> {
    const call = (): Promise<wire.EraseJobPayloadsResponse> =>
      connection.unary(jobs.EraseJobPayloads, { jobId }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call));
  }

  async function reschedule(jobId: string, when: Date | 'now', settings: CallSettings = {}): Promise<JobInfo> {
    const request = when === 'now' ? { jobId, now: true } : { jobId, runTime: toTime(when.getTime()) };
    const call = (): Promise<wire.RescheduleJobResponse> => connection.unary(jobs.RescheduleJob, request, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call));
  }

  async function retry(jobId: string, again: RetryJobOptions & CallSettings = {}): Promise<SubmittedJob> {
    const { input, timeoutMs, signal, traceparent } = again;
    const key = keyGiven(again.idempotencyKey) ?? (idempotent ? randomUUID() : undefined);
    const request = { jobId, input: toPayload(input, 'input'), idempotencyKey: key };
    return withRetries(backoff, key === undefined ? 'if-not-done' : 'always', signal, async () =>
      fromSubmitResponse(await connection.unary(jobs.RetryJob, request, { timeoutMs, signal, traceparent })),
    );
  }

  return { get, list, retry, reschedule, cancel, erasePayloads };
}

function wholeLimit(limit: number | undefined): number {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(limit) && limit >= 0) return limit;
  throw notSayable('INVALID_ARGUMENT', [{ field: 'limit', description: 'must be a whole number, 0 or more' }]);
}
