/** When a job must be looked at again: its delay is over, or it has waited as long as it may. */
import { assertNever } from './errors.ts';
import type { JobRecord } from './job.ts';
import { endsByMs } from './record-life.ts';

export interface Deadline {
  readonly atMs: number;
  readonly command: 'due' | 'expire';
}

/** It waits for a date that somebody said, not for a time from now on. */
export function waitsForDate({ state, trail }: Pick<JobRecord, 'state' | 'trail'>): boolean {
  return state === 'SCHEDULED' && trail.at(-1)?.outcome === undefined;
}

/** When the job must be looked at again if nothing is heard of it. Running jobs are watched by their heartbeats. */
export function nextDeadline(record: JobRecord): Deadline | undefined {
  const { queueTimeoutMs } = record.spec;
  const totalAtMs = endsByMs(record);
  switch (record.state) {
    case 'SCHEDULED':
    case 'RETRYING':
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
