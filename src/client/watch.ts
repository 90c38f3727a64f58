/** Follows a job over broken connections: each new stream begins after the last message of the one before. */
import type { Contract } from '../contract/codec.ts';
import type { Connection } from './connection.ts';
import { fromJob } from './job-mapper.ts';
import type { JobInfo } from './job-types.ts';
import { mayRepeat } from './retry.ts';
import type { Backoff } from './retry.ts';

export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** From an earlier watch of the same job: what it said is not repeated. */
  readonly resumeToken?: string;
}

export interface WatchedJob {
  readonly job: JobInfo;
  /** Continues after this one, also in another process. */
  readonly resumeToken: string;
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
  let resumeToken = options.resumeToken ?? '';
  let failures = 0;
  let begun = false;
  for (;;) {
    try {
      const stream = connection.stream(contract.jobs.WatchJob, { jobId, resumeToken }, { signal });
      for await (const message of stream) {
        failures = 0;
        begun = true;
        ({ resumeToken } = message);
        if (message.job) yield { job: fromJob(message.job), resumeToken };
      }
      return;
    } catch (error) {
      failures += 1;
      const attempts = begun && backoff.maxAttempts > 1 ? backoff.maxAttempts * patience : backoff.maxAttempts;
      if (failures >= attempts || !mayRepeat(error, 'always')) throw error;
      await backoff.pause(failures, error.retryAfterMs, signal);
    }
  }
}
