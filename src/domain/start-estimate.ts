/**
 * Estimates when a waiting job will start, from the number of jobs ahead of it and the rate of starts.
 * It is an estimate, not a promise. Without data there is no estimate.
 */
import { meanMs, quantileMs } from './duration-histogram.ts';
import { priorities, type Priority, priorityWeights } from './priority.ts';
import type { QueueStats } from './queue-stats.ts';

/** The time until the start, in ms. */
export interface StartEstimate {
  /** As likely earlier as later. */
  readonly p50Ms: number;
  /** Nine times out of ten earlier. */
  readonly p90Ms: number;
}

/** Quantiles of the standard normal distribution. */
const deviates = { p50: 0, p90: 1.2816 } as const;
/**
 * If nobody has waited for this long, the queue keeps up. Its rate of starts then shows how many jobs arrive, not how
 * many it could start.
 */
export const backlogAgeMs = 1_000;

/**
 * Starts per second while there is a backlog: the measured rate, or the rate at which the running attempts free their
 * slots, whichever is higher.
 */
export function drainPerSecond({ startsPerSecond, running, runs }: QueueStats): number {
  const runMs = meanMs(runs);
  return Math.max(startsPerSecond, runMs === undefined ? 0 : (1_000 * running) / runMs);
}

/**
 * The number of starts before that of a job with `before` jobs ahead of it on its own level. Meanwhile the other levels
 * also start jobs in proportion to their weights, as long as they have any.
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
 * The time until the `count`-th start if starts arrive at random at this rate, as a quantile. The distribution is
 * Gamma(count, rate); we use the Wilson-Hilferty approximation, which is off by a few percent at most.
 */
export function startQuantileMs(count: number, perSecond: number, share: keyof typeof deviates): number {
  const cube = 1 - 1 / (9 * count) + deviates[share] / (3 * Math.sqrt(count));
  return ((1_000 * count) / perSecond) * cube ** 3;
}

export function hasBacklog({ oldestReadyAtMs }: Pick<QueueStats, 'oldestReadyAtMs'>, nowMs: number): boolean {
  return oldestReadyAtMs !== undefined && nowMs - oldestReadyAtMs >= backlogAgeMs;
}

/**
 * Estimates the start in a queue with a backlog, with `ahead` starts before it. Undefined if nothing starts or nothing
 * is known.
 */
export function estimateInBacklog(stats: QueueStats, ahead: number): StartEstimate | undefined {
  const perSecond = drainPerSecond(stats);
  if (perSecond === 0) return undefined;
  const quantile = (share: keyof typeof deviates): number => startQuantileMs(ahead + 1, perSecond, share);
  return { p50Ms: quantile('p50'), p90Ms: quantile('p90') };
}

/**
 * Estimates the start of a job with `ahead` starts before it. In a queue that keeps up, the job waits about as long as
 * the recent ones did.
 */
export function estimateStart(stats: QueueStats, ahead: number, nowMs: number): StartEstimate | undefined {
  if (hasBacklog(stats, nowMs)) return estimateInBacklog(stats, ahead);
  const [p50Ms, p90Ms] = [quantileMs(stats.waits, 0.5), quantileMs(stats.waits, 0.9)];
  return p50Ms === undefined || p90Ms === undefined ? undefined : { p50Ms, p90Ms };
}
