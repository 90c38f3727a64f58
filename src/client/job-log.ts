/** What a job's attempts have said, as the client gives it. */
import type { CallParts } from './call-parts.ts';
import { logLevelOf } from '../contract/job-codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import type { LogLevel } from '../domain/job-log.ts';
import type { CallSettings } from './connection.ts';
import { withRetries } from './retry.ts';

/** One line. */
export interface JobLogLine {
  /** The attempt that logged it; from 1. */
  readonly attempt: number;
  /** 1, 2, 3, ... within its attempt; a gap is what was dropped. */
  readonly number: number;
  /** When it was logged, by the clock of its node. */
  readonly at: Date;
  /** How important it is. */
  readonly level: LogLevel | 'unknown';
  /** The line; clipped by the cluster. */
  readonly text: string;
}

/** Lines that the attempts of a job logged. */
export interface JobLog {
  /** Oldest first. */
  readonly lines: readonly JobLogLine[];
  /** Lines that were dropped before or between these. */
  readonly skipped: number;
}

export function fromLog(log: wire.JobLog | null): JobLog {
  const lines = (log?.lines ?? []).map(({ attempt, number, time, level, text }) => ({
    attempt,
    number,
    text,
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
