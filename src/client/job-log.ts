/** The log lines of a job's attempts, in the client's form. */
import type { CallParts } from './call-parts.ts';
import { logLevelCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import type { LogLevel } from '../domain/job-log.ts';
import type { CallSettings } from './connection.ts';
import { withRetries } from './retry.ts';

/** One line of a job's log. */
export interface JobLogLine {
  /** The attempt that logged it, from 1. */
  readonly attempt: number;
  /** 1, 2, 3, … within its attempt. A gap means that lines were dropped. */
  readonly number: number;
  /** When it was logged, by the clock of its node. */
  readonly at: Date;
  /** Severity. `unknown` if a newer gateway sent a level that this client does not know. */
  readonly level: LogLevel | 'unknown';
  /** The text. The cluster cuts off long lines. */
  readonly text: string;
}

/** The log lines of a job, as far as they are kept. */
export interface JobLog {
  /** Oldest first. */
  readonly lines: readonly JobLogLine[];
  /** Number of lines that were dropped before or between these. */
  readonly skipped: number;
}

export function fromLog(log: wire.JobLog | null): JobLog {
  const lines = (log?.lines ?? []).map(({ attempt, number, time, level, text }) => ({
    attempt,
    number,
    text,
    at: new Date(timestampMs(time) ?? 0),
    level: wordOf(logLevelCodes, level) ?? ('unknown' as const),
  }));
  return { lines, skipped: log?.skipped ?? 0 };
}

/** Reads all lines that are kept now. */
export async function readLog(parts: CallParts, jobId: string, settings: CallSettings): Promise<JobLog> {
  const { connection, contract, backoff } = parts;
  const answer = await withRetries(backoff, 'always', settings.signal, () =>
    connection.unary(contract.jobs.GetJobLog, { jobId }, settings),
  );
  return fromLog(answer.log);
}
