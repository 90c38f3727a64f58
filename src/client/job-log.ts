/** What a job's attempts have said, as the client gives it. */
import type { CallParts } from './call-parts.ts';
import { logLevelOf } from '../contract/job-codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import type { LogLevel } from '../domain/job-log.ts';
import type { CallSettings } from './connection.ts';
import { withRetries } from './retry.ts';

export interface JobLogLine {
  readonly attempt: number;
  /** 1, 2, 3, ... within its attempt; a gap is what was dropped. */
  readonly number: number;
  readonly at: Date;
  readonly level: LogLevel | 'unknown';
  readonly text: string;
}

export interface JobLog {
  readonly lines: readonly JobLogLine[];
  /** Lines that were dropped before or between these. */
  readonly skipped: number;
}

export function fromLog(log: wire.JobLog | null): JobLog {
  const lines = (log?.lines ?? []).map(({ attempt, number, time, level, text }) => ({
    ...{ attempt, number, text },
    at: new Date(timestampMs(time) ?? 0),
    level: logLevelOf(level) ?? ('unknown' as const),
  }));
  return { lines, skipped: log?.skipped ?? 0 };
}

/** All that is kept of it now. */
export async function readLog(parts: CallParts, jobId: string, settings: CallSettings): Promise<JobLog> {
  const { connection, contract, backoff } = parts;
  const answer = await withRetries(backoff, 'always', settings.signal, () =>
    connection.unary(contract.jobs.GetJobLog, { jobId }, settings),
  );
  return fromLog(answer.log);
}
