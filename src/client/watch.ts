/** Follows a job over broken connections. */
import type { Contract } from '../contract/codec.ts';
import type { Connection } from './connection.ts';
import { fromLog } from './job-log.ts';
import type { JobLog } from './job-log.ts';
import { fromJob } from './job-mapper.ts';
import type { JobInfo } from './job-types.ts';
import { resumedStream } from './resumed-stream.ts';
import type { Backoff } from './retry.ts';

export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** From an earlier watch of the same job: what it said is not repeated. */
  readonly resumeToken?: string;
  /** Lines of its attempts, too; default false. */
  readonly logs?: boolean;
}

export interface WatchedJob {
  readonly job: JobInfo;
  /** Continues after this one, also in another process. */
  readonly resumeToken: string;
  /** What its attempts have said since the update before; with `logs` only. */
  readonly log: JobLog;
}

/** A watch that has begun outlasts the restart of a gateway: so many times the tries of a single call. */
const patience = 6;

export async function* watchJob(
  parts: { readonly connection: Connection; readonly contract: Contract; readonly backoff: Backoff },
  jobId: string,
  options: WatchOptions,
): AsyncGenerator<WatchedJob, void> {
  const { connection, contract, backoff } = parts;
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
    if (job) yield { job: fromJob(job), resumeToken, log: fromLog(log) };
  }
}
