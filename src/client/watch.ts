/** Watches a job, or the jobs of a queue. A watch continues after a lost connection. */
import type { CallParts } from './call-parts.ts';
import { fromLog, type JobLog } from './job-log.ts';
import { toFilter } from './job-requests.ts';
import type { JobFilterOptions, JobInfo } from './job-types.ts';
import { resumedStream } from './resumed-stream.ts';

/** How to watch a job. */
export interface WatchOptions {
  /** Aborts the watch, which then throws CALL_CANCELLED. */
  readonly signal?: AbortSignal;
  /**
   * A token from an earlier watch of the same job. What that watch has reported is not repeated. Default: from the
   * beginning.
   */
  readonly resumeToken?: string;
  /** Also report the log lines of its attempts. Default: false. */
  readonly logs?: boolean;
}

/** One change of a watched job. */
export interface WatchedJob {
  /** The job after the change. */
  readonly job: JobInfo;
  /** Continues the watch after this change, also in another process. */
  readonly resumeToken: string;
  /** Log lines since the previous change. Empty without `logs`. */
  readonly log: JobLog;
}

/** Which jobs to watch, and from where. */
export interface WatchJobsOptions extends JobFilterOptions {
  /** Aborts the watch, which then throws CALL_CANCELLED. */
  readonly signal?: AbortSignal;
  /**
   * A token from an earlier watch of the same queue, also from another process. Tokens are valid for as long as events
   * are kept, by default 72 hours. Default: from now on.
   */
  readonly resumeToken?: string;
}

/** One change of a job in a watched queue. */
export interface WatchedJobs {
  /**
   * The changed job as it is now. Undefined if the message only reports the position of the watch, as the first one
   * does.
   */
  readonly job: JobInfo | undefined;
  /** Continues the watch after this change, also in another process. */
  readonly resumeToken: string;
  /**
   * True if changes before this one may be missing, because their events are no longer kept. A list that starts now has
   * them all.
   */
  readonly gap: boolean;
}

/**
 * A watch that has begun tries this many times more often than a single call, so that it survives the restart of a
 * gateway.
 */
const patience = 6;

export async function* watchJob(
  { connection, contract, backoff, readJob }: CallParts,
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
    if (job) yield { job: await readJob(job, { signal }), resumeToken, log: fromLog(log) };
  }
}

export async function* watchJobs(
  { connection, contract, backoff, readJob }: CallParts,
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
    yield { job: job ? await readJob(job, { signal }) : undefined, resumeToken, gap };
  }
}
