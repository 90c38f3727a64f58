/** When the next attempt of a failed job may start. */
import type { RetryPolicy } from './job.ts';

/** Upper bound of the delay after the `failures`-th failed attempt (1-based). */
export function backoffCeilingMs(policy: RetryPolicy, failures: number): number {
  return Math.min(policy.maxMs, policy.initialMs * policy.coefficient ** Math.max(0, failures - 1));
}

/** Full jitter: uniform between 0 and the ceiling, so that jobs that failed together do not come back together. */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  return Math.floor(random * backoffCeilingMs(policy, failures));
}
