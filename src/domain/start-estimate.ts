/**
 * When a job that waits will start: from how many are before it and how fast they go. An estimate: nothing is promised, and
 * where nothing is known nothing is said.
 */
import { meanMs, quantileMs } from './duration-histogram.ts';
import { priorities, type Priority, priorityWeights } from './priority.ts';
import type { QueueStats } from './queue-stats.ts';

export interface StartEstimate {
  /** As likely before as after. */
  readonly p50Ms: number;
  /** Nine times of ten before. */
  readonly p90Ms: number;
}

/** Of the standard normal distribution. */
const deviates = { p50: 0, p90: 1.2816 } as const;
/** While nobody has waited for so long the queue keeps up, and its starts say how many come, not how many could. */
export const backlogAgeMs = 1_000;

/** Starts per second while there is a backlog: as measured, or as those that run now will make room, whichever is more. */
export function drainPerSecond({ startsPerSecond, running, runs }: QueueStats): number {
  const runMs = meanMs(runs);
  return Math.max(startsPerSecond, runMs === undefined ? 0 : (1_000 * running) / runMs);
}

/**
 * Starts before that of a job with `before` others before it in its own level: while those start, the other levels start
 * theirs by weight, as far as they have any.
 */
export function jobsAhead(priority: Priority, before: number, waiting: readonly number[]): number {
  const turns = before + 1;
  return priorities.reduce<number>((sum, other) => {
    if (other === priority) return sum;
    const share = Math.floor((turns * priorityWeights[other]) / priorityWeights[priority]);
    return sum + Math.min(share, waiting[other] ?? 0);
  }, before);
}

/**
 * The time until the `count`-th start at this rate, if starts come by chance: its distribution is a Gamma(count, rate), and
 * this its quantile by Wilson and Hilferty, wrong by a few percent at most.
 */
export function startQuantileMs(count: number, perSecond: number, share: keyof typeof deviates): number {
  const cube = 1 - 1 / (9 * count) + deviates[share] / (3 * Math.sqrt(count));
  return ((1_000 * count) / perSecond) * cube ** 3;
}

export function hasBacklog({ oldestReadyAtMs }: Pick<QueueStats, 'oldestReadyAtMs'>, nowMs: number): boolean {
  return oldestReadyAtMs !== undefined && nowMs - oldestReadyAtMs >= backlogAgeMs;
}

/** Of a job with so many starts before its own, in a queue with a backlog. Undefined: nothing starts, nothing is known. */
export function estimateInBacklog(stats: QueueStats, ahead: number): StartEstimate | undefined {
  const perSecond = drainPerSecond(stats);
  if (perSecond === 0) return undefined;
  const quantile = (share: keyof typeof deviates): number => startQuantileMs(ahead + 1, perSecond, share);
  return { p50Ms: quantile('p50'), p90Ms: quantile('p90') };
}

/** A queue that keeps up lets a job wait as long as the ones before it. */
export function estimateStart(stats: QueueStats, ahead: number, nowMs: number): StartEstimate | undefined {
  if (hasBacklog(stats, nowMs)) return estimateInBacklog(stats, ahead);
  const [p50Ms, p90Ms] = [quantileMs(stats.waits, 0.5), quantileMs(stats.waits, 0.9)];
  return p50Ms === undefined || p90Ms === undefined ? undefined : { p50Ms, p90Ms };
}
