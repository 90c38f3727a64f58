/** What is going on in a queue: of one shard, or of several together. Sums may be added up; so may the weights. */
import { addWeights, type DurationWeights } from './duration-histogram.ts';
import { priorities } from './priority.ts';

export interface QueueStats {
  /** QUEUED jobs by priority, the lowest first. */
  readonly waiting: readonly number[];
  /** SCHEDULED and RETRYING. */
  readonly later: number;
  /** RUNNING and CANCELLING. */
  readonly running: number;
  /** Of the inputs of jobs that wait or are due later. */
  readonly openBytes: number;
  /** Jobs that began to wait for a slot. */
  readonly arrivalsPerSecond: number;
  /** Attempts that started. */
  readonly startsPerSecond: number;
  /** Jobs that ended. */
  readonly endsPerSecond: number;
  /** Since when the oldest QUEUED job waits. Absent: none does. */
  readonly oldestReadyAtMs?: number;
  /** From QUEUED to the start. */
  readonly waits: DurationWeights;
  /** From there to the end of the attempt. */
  readonly runs: DurationWeights;
}

export const noStats: QueueStats = {
  waiting: priorities.map(() => 0),
  later: 0,
  running: 0,
  openBytes: 0,
  arrivalsPerSecond: 0,
  startsPerSecond: 0,
  endsPerSecond: 0,
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
    ...(Number.isFinite(oldestReadyAtMs) && { oldestReadyAtMs }),
    waits: addWeights(one.waits, other.waits),
    runs: addWeights(one.runs, other.runs),
  };
}

export function waitingOf({ waiting }: Pick<QueueStats, 'waiting'>): number {
  return waiting.reduce((sum, count) => sum + count, 0);
}

/** Unfinished jobs that do not run: what a queue's `maxDepth` bounds. */
export function depthOf(stats: Pick<QueueStats, 'waiting' | 'later'>): number {
  return waitingOf(stats) + stats.later;
}
