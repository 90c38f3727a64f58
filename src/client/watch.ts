/** Follows a job, or the jobs of a queue, over broken connections. */
import type { CallParts } from './call-parts.ts';
import { fromLog, type JobLog } from './job-log.ts';
import { fromJob } from './job-mapper.ts';
import { toFilter } from './job-requests.ts';
import type { JobFilterOptions, JobInfo } from './job-types.ts';
import { resumedStream } from './resumed-stream.ts';

/** How to watch a job. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** From an earlier watch of the same job: what it said is not repeated. */
  readonly resumeToken?: string;
  /** Lines of its attempts, too; default false. */
  readonly logs?: boolean;
}

/** One change of a job that is watched. */
export interface WatchedJob {
  /** The job after the change. */
  readonly job: JobInfo;
  /** Continues after this one, also in another process. */
  readonly resumeToken: string;
  /** What its attempts have said since the update before; with `logs` only. */
  readonly log: JobLog;
}

/** Which jobs to watch, and from where. */
export interface WatchJobsOptions extends JobFilterOptions {
  /** Ends the watch. */
  readonly signal?: AbortSignal;
  /** From an earlier watch of the same queue, also by another process; default: from now on. */
  readonly resumeToken?: string;
}

/** One change of a job among those that are watched. */
export interface WatchedJobs {
  /** A job that has changed, as it is now; undefined: only how far the watch is, as at its beginning. */
  readonly job: JobInfo | undefined;
  /** Give it to the next watch, and it goes on after this change. */
  readonly resumeToken: string;
  /** Changes before this one may be missing: the list has them. */
  readonly gap: boolean;
}

/** A watch that has begun outlasts the restart of a gateway: so many times the tries of a single call. */
const patience = 6;

export async function* watchJob(
  { connection, contract, backoff, parseJson }: CallParts,
  jobId: string,
  options: WatchOptions,
): AsyncGenerator<WatchedJob, void> {
  const { signal } = options;
  const updates = resumedStream(backoff, {
    open: (resumeToken) =>
      connection.stream(contract.jobs.WatchJob, { jobId, resumeToken, includeLogs: options.logs }, { signal }),
    tokenOf: ({ resumeToken }) => resumeToken,
    token: options.resumeToken,
    patience,
    signal,
  });
  for await (const { job, resumeToken, log } of updates) {
    if (job) yield { job: fromJob(job, parseJson), resumeToken, log: fromLog(log) };
  }
}

export async function* watchJobs(
  { connection, contract, backoff, parseJson }: CallParts,
  options: WatchJobsOptions,
): AsyncGenerator<WatchedJobs, void> {
  const { queue, signal } = options;
  const filter = toFilter(options);
  const updates = resumedStream(backoff, {
    open: (resumeToken) => connection.stream(contract.jobs.WatchJobs, { queue, filter, resumeToken }, { signal }),
    tokenOf: ({ resumeToken }) => resumeToken,
    token: options.resumeToken,
    patience,
    signal,
  });
  for await (const { job, resumeToken, gap } of updates) {
    yield { job: job ? fromJob(job, parseJson) : undefined, resumeToken, gap };
  }
}
