/** Statistics of a queue in one shard, or summed over several. All fields can be added up, weights included. */
import { addWeights, type DurationWeights } from './duration-histogram.ts';
import { priorities } from './priority.ts';
import { given } from './given.ts';

/** The state of a queue at one moment. Rates are per second and fade over about a minute. */
export interface QueueStats {
  /** QUEUED jobs by priority, lowest first. */
  readonly waiting: readonly number[];
  /** SCHEDULED and RETRYING jobs. */
  readonly later: number;
  /** RUNNING and CANCELLING jobs. */
  readonly running: number;
  /** Input bytes of the jobs that are waiting or due later. */
  readonly openBytes: number;
  /** Jobs that became QUEUED. */
  readonly arrivalsPerSecond: number;
  /** Attempts that started. */
  readonly startsPerSecond: number;
  /** Jobs that ended. */
  readonly endsPerSecond: number;
  /** Attempts that failed or were lost. Absent from shards of earlier versions. */
  readonly failedAttemptsPerSecond?: number;
  /** Jobs that ended FAILED or EXPIRED. Absent from shards of earlier versions. */
  readonly failedJobsPerSecond?: number;
  /** When the job that has waited longest became QUEUED. Absent if none waits. */
  readonly oldestReadyAtMs?: number;
  /** Durations from QUEUED to the start. */
  readonly waits: DurationWeights;
  /** Durations from the start to the end of an attempt. */
  readonly runs: DurationWeights;
}

/** The statistics of an empty queue. */
export const noStats: QueueStats = {
  waiting: priorities.map(() => 0),
  later: 0,
  running: 0,
  openBytes: 0,
  arrivalsPerSecond: 0,
  startsPerSecond: 0,
  endsPerSecond: 0,
  failedAttemptsPerSecond: 0,
  failedJobsPerSecond: 0,
  waits: [],
  runs: [],
};

export function addStats(one: QueueStats, other: QueueStats): QueueStats {
  const oldestReadyAtMs = Math.min(one.oldestReadyAtMs ?? Infinity, other.oldestReadyAtMs ?? Infinity);
  return {
    waiting: one.waiting.map((count, priority) => count + (other.waiting[priority] ?? 0)),
    later: one.later + other.later,
    running: one.running + other.running,
    openBytes: one.openBytes + other.openBytes,
    arrivalsPerSecond: one.arrivalsPerSecond + other.arrivalsPerSecond,
    startsPerSecond: one.startsPerSecond + other.startsPerSecond,
    endsPerSecond: one.endsPerSecond + other.endsPerSecond,
    failedAttemptsPerSecond: (one.failedAttemptsPerSecond ?? 0) + (other.failedAttemptsPerSecond ?? 0),
    failedJobsPerSecond: (one.failedJobsPerSecond ?? 0) + (other.failedJobsPerSecond ?? 0),
    ...given({ oldestReadyAtMs: Number.isFinite(oldestReadyAtMs) ? oldestReadyAtMs : undefined }),
    waits: addWeights(one.waits, other.waits),
    runs: addWeights(one.runs, other.runs),
  };
}

/** QUEUED jobs of all priorities. */
export function waitingOf({ waiting }: Pick<QueueStats, 'waiting'>): number {
  return waiting.reduce((sum, count) => sum + count, 0);
}

/** Unfinished jobs that do not run. The `maxDepth` of a queue limits this number. */
export function depthOf(stats: Pick<QueueStats, 'waiting' | 'later'>): number {
  return waitingOf(stats) + stats.later;
}
