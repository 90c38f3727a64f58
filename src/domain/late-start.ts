/** Predicts whether a job accepted now would probably miss its deadline. */
import { quantileMs } from './duration-histogram.ts';
import type { JobSpec } from './job.ts';
import { defaultPriority } from './priority.ts';
import type { QueueStats } from './queue-stats.ts';
import { estimateInBacklog, hasBacklog, jobsAhead } from './start-estimate.ts';

/** A timeout that the job would probably miss. */
export interface LateStart {
  /** The timeout that would be missed, by its field name in the contract. */
  readonly field: 'job.queue_timeout' | 'job.total_timeout';
  readonly timeoutMs: number;
  /** The median estimate: half of such jobs would take longer. */
  readonly estimateMs: number;
}

/**
 * Returns `undefined` if the job should meet its deadline, or if nothing is known. A job that starts at a later date is
 * not judged by the present load.
 */
export function lateStart(spec: Omit<JobSpec, 'input'>, stats: QueueStats, nowMs: number): LateStart | undefined {
  const { priority = defaultPriority, queueTimeoutMs, totalTimeoutMs, runAtMs = 0 } = spec;
  if (runAtMs > nowMs || !hasBacklog(stats, nowMs)) return undefined;
  const waitMs = estimateInBacklog(stats, jobsAhead(priority, stats.waiting[priority] ?? 0, stats.waiting))?.p50Ms;
  if (waitMs === undefined) return undefined;
  if (queueTimeoutMs !== undefined && waitMs > queueTimeoutMs) {
    return { field: 'job.queue_timeout', timeoutMs: queueTimeoutMs, estimateMs: waitMs };
  }
  const endMs = waitMs + (quantileMs(stats.runs, 0.5) ?? 0);
  if (totalTimeoutMs === undefined || endMs <= totalTimeoutMs) return undefined;
  return { field: 'job.total_timeout', timeoutMs: totalTimeoutMs, estimateMs: endMs };
}
