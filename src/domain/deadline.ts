/** The next time at which the shard must act on a job by itself: its delay ends, or a timeout passes. */
import { assertNever } from './errors.ts';
import type { JobOutline } from './job-brief.ts';
import type { JobRecord } from './job.ts';
import { endsByMs } from './record-life.ts';

/** An instant (epoch ms), and the command to apply then. */
export interface Deadline {
  readonly atMs: number;
  readonly command: 'due' | 'expire';
}

/** True if the job waits for a date that the submitter or an operator chose, and not for a delay after an attempt. */
export function waitsForDate({ state, trail }: Pick<JobRecord, 'state' | 'trail'>): boolean {
  return state === 'SCHEDULED' && trail.at(-1)?.outcome === undefined;
}

/** Returns the next deadline of a job, or `undefined` if it has none. Running jobs have none: heartbeats watch them. */
export function nextDeadline(record: Omit<JobOutline, 'id'>): Deadline | undefined {
  const { queueTimeoutMs } = record.spec;
  const totalAtMs = endsByMs(record);
  switch (record.state) {
    case 'SCHEDULED':
    case 'RETRYING':
      // the job may end before it is due
      return record.readyAtMs <= totalAtMs
        ? { atMs: record.readyAtMs, command: 'due' }
        : { atMs: totalAtMs, command: 'expire' };
    case 'QUEUED': {
      const queueAtMs =
        queueTimeoutMs === undefined || record.firstStartedAtMs !== undefined
          ? Infinity
          : record.readyAtMs + queueTimeoutMs;
      return { atMs: Math.min(totalAtMs, queueAtMs), command: 'expire' };
    }
    case 'RUNNING':
    case 'CANCELLING':
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
    case 'EXPIRED':
      return undefined;
    default:
      return assertNever(record.state);
  }
}
