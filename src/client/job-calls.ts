/** Calls for single jobs, and lists of jobs. */
import type { CallParts } from './call-parts.ts';
import { randomUUID } from 'node:crypto';
import type * as wire from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';
import { someAtOnce } from '../domain/some-at-once.ts';
import { incompleteAnswer, notSayable } from './client-error.ts';
import type { CallSettings } from './connection.ts';
import { deadlineAfter } from './deadline.ts';
import { codecAtOnce, pastTheCodec } from './job-codec.ts';
import { fromSubmitResponse } from './job-mapper.ts';
import { keyGiven, toFilter, toPayload } from './job-requests.ts';
import type { JobInfo, ListOptions, RetryJobOptions, SubmittedJob } from './job-types.ts';
import { withRetries } from './retry.ts';

/** Calls for single jobs, and lists of jobs. */
export interface JobCalls {
  /**
   * Returns a job with its payloads and history. With `explain`, a job that waits also has the reason (`waiting`).
   * Rejects with JOB_NOT_FOUND if there is no such job.
   */
  get(jobId: string, options?: CallSettings & { readonly explain?: boolean }): Promise<JobInfo>;
  /**
   * Returns many jobs, in the order of their first mention, without history. `missing` are the ids of jobs that do not
   * exist or that the caller may not see. `payloads`: with inputs and outputs, as far as they fit into one answer
   * (16 MiB for 200 jobs); of the others `inputLargeBytes` and `outputLargeBytes` say the size.
   */
  getMany(
    jobIds: readonly string[],
    options?: CallSettings & { readonly payloads?: boolean },
  ): Promise<{ readonly jobs: readonly JobInfo[]; readonly missing: readonly string[] }>;
  /**
   * Lists the jobs of a queue, newest first by default, without payloads and history. Pages are fetched as they are
   * needed.
   */
  list(options?: ListOptions): AsyncGenerator<JobInfo, void>;
  /**
   * Submits an ended job again, as a new job with the same options. Rejects with JOB_STATE_FORBIDS if it has not ended.
   */
  retry(jobId: string, options?: RetryJobOptions & CallSettings): Promise<SubmittedJob>;
  /**
   * Changes when a SCHEDULED or RETRYING job runs. A time in the past means now. Rejects with JOB_STATE_FORBIDS in any
   * other state; a QUEUED job that is to run now is returned unchanged.
   */
  reschedule(jobId: string, when: Date | 'now', settings?: CallSettings): Promise<JobInfo>;
  /**
   * Cancels a job. A waiting job is CANCELLED at once; a running job is CANCELLING until its code has stopped. `reason`
   * (at most 256 characters) is kept with the job. Rejects with JOB_STATE_FORBIDS if the job has ended otherwise.
   */
  cancel(jobId: string, reason?: string, settings?: CallSettings): Promise<JobInfo>;
  /**
   * Erases the input, output and checkpoint of an ended job, at once and durably. The rest of the job stays. Rejects
   * with JOB_STATE_FORBIDS if it has not ended.
   */
  erasePayloads(jobId: string, settings?: CallSettings): Promise<JobInfo>;
}

const listPageSize = 100;
/** Most ids of one call. */
const getManyMax = 200;
/** What a list has of a job, and its payloads. */
const listedWithPayloads = [
  ...[
    'spec',
    'spec.input',
    'state',
    'seq',
    'attempt',
    'failures',
    'losses',
    'create_time',
    'update_time',
    'ready_time',
  ],
  ...[
    'first_start_time',
    'end_time',
    'expire_time',
    'run',
    'progress',
    'output',
    'failure',
    'cancel_reason',
    'retry_of',
  ],
  ...['oom_retries', 'payloads_erase_time', 'payloads_expire_time', 'checkpoint', 'withheld'],
];

interface JobCallParts extends CallParts {
  /** Whether a retry without an `idempotencyKey` gets a generated one. */
  readonly idempotent: boolean;
}

export function createJobCalls(parts: JobCallParts): JobCalls {
  const { connection, backoff, idempotent, readJob, codec } = parts;
  const { jobs } = parts.contract;

  const jobOf = ({ job }: { readonly job: wire.Job | null }, settings: CallSettings): Promise<JobInfo> => {
    if (!job) throw incompleteAnswer('the gateway answered without a job');
    return readJob(job, settings);
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
        yield await readJob(job);
        left -= 1;
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && left > 0);
  }

  async function get(jobId: string, asked: CallSettings & { readonly explain?: boolean } = {}): Promise<JobInfo> {
    const { explain, ...settings } = asked;
    const call = (): Promise<wire.GetJobResponse> => connection.unary(jobs.GetJob, { jobId, explain }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call), settings);
  }

  async function cancel(jobId: string, reason = '', settings: CallSettings = {}): Promise<JobInfo> {
    const call = (): Promise<wire.CancelJobResponse> => connection.unary(jobs.CancelJob, { jobId, reason }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call), settings);
  }

  async function erasePayloads(jobId: string, settings: CallSettings = {}): Promise<JobInfo> {
    const call = (): Promise<wire.EraseJobPayloadsResponse> =>
      connection.unary(jobs.EraseJobPayloads, { jobId }, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call), settings);
  }

  async function reschedule(jobId: string, when: Date | 'now', settings: CallSettings = {}): Promise<JobInfo> {
    const request = when === 'now' ? { jobId, now: true } : { jobId, runTime: toTime(when.getTime()) };
    const call = (): Promise<wire.RescheduleJobResponse> => connection.unary(jobs.RescheduleJob, request, settings);
    return jobOf(await withRetries(backoff, 'always', settings.signal, call), settings);
  }

  async function retry(jobId: string, again: RetryJobOptions & CallSettings = {}): Promise<SubmittedJob> {
    const { input, timeoutMs, signal, traceparent } = again;
    // It would have to be encoded for a handler whose name only the gateway says.
    if (codec !== undefined && input !== undefined)
      throw pastTheCodec('input', 'a new input of an ended job is not encoded: submit a new job');
    const key = keyGiven(again.idempotencyKey) ?? (idempotent ? randomUUID() : undefined);
    const request = { jobId, input: toPayload(input, 'input'), idempotencyKey: key };
    return withRetries(backoff, key === undefined ? 'if-not-done' : 'always', signal, async () =>
      fromSubmitResponse(await connection.unary(jobs.RetryJob, request, { timeoutMs, signal, traceparent })),
    );
  }

  return { get, getMany: createGetMany(parts), list, retry, reschedule, cancel, erasePayloads };
}

function createGetMany(parts: JobCallParts): JobCalls['getMany'] {
  const { connection, backoff, contract } = parts;
  return async (jobIds, { payloads = false, ...settings } = {}) => {
    const readMask = payloads ? { paths: listedWithPayloads } : undefined;
    const ids = [...new Set(jobIds)];
    const found: JobInfo[] = [];
    const missing: string[] = [];
    for (let at = 0; at < ids.length; at += getManyMax) {
      const request = { jobIds: ids.slice(at, at + getManyMax), readMask };
      const call = (): Promise<wire.GetJobsResponse> => connection.unary(contract.jobs.GetJobs, request, settings);
      const answer = await withRetries(backoff, 'always', settings.signal, call);
      found.push(...(await readAll(parts, answer.jobs, settings)));
      missing.push(...answer.missing);
    }
    return { jobs: found, missing };
  };
}

/** Some at a time, and the codec has no longer for all of an answer than for one. */
async function readAll(
  { readJob, timeoutMs: usual }: Pick<JobCallParts, 'readJob' | 'timeoutMs'>,
  jobs: readonly wire.Job[],
  { timeoutMs = usual, signal }: CallSettings,
): Promise<readonly JobInfo[]> {
  const untilMs = deadlineAfter(timeoutMs);
  const read = new Array<JobInfo>(jobs.length);
  await someAtOnce(jobs.entries(), codecAtOnce, async ([index, job]) => {
    read[index] = await readJob(job, { timeoutMs, signal, untilMs });
  });
  return read;
}

function wholeLimit(limit: number | undefined): number {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (Number.isInteger(limit) && limit >= 0) return limit;
  throw notSayable('INVALID_ARGUMENT', [{ field: 'limit', description: 'must be a whole number, 0 or more' }]);
}
