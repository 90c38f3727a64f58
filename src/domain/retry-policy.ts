/** Whether a failed attempt may be followed by another, as far as the policy says, and when that one may start. */
import type { Failure, RetryPolicy } from './job.ts';

/** An error code of a handler that a policy can name; what Node, HTTP clients and databases use fits. */
export const errorCodePattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;
export const nonRetryableCodesMax = 32;
/** The most as well: a bound that only machines that keep dying reach. */
export const maxLossesDefault = 24;

/** The policy names the code of the error, or of one that stands behind it: `fetch` hides its ECONNREFUSED there. */
export function isNonRetryable({ nonRetryableCodes = [] }: RetryPolicy, { code, causes = [] }: Failure): boolean {
  return [code, ...causes.map((cause) => cause.code)].some(
    (one) => one !== undefined && nonRetryableCodes.includes(one),
  );
}

/**
 * How a job ends whose attempt was lost, if that one was its last. A job that says how many it may lose means each. By
 * default it is a bound, not a policy: what ended in order (a drain, a deploy, an eviction that leaves time to hand back)
 * counts nothing, however often; `blamed` are the others, of which the job may have been the reason.
 */
export function lastLoss(
  { maxLosses = maxLossesDefault }: RetryPolicy,
  { losses, blamed }: { readonly losses: number; readonly blamed: number },
  by: 'stopped' | 'lose',
): Failure | undefined {
  const isLast = maxLosses < maxLossesDefault ? losses > maxLosses : by === 'lose' && blamed > maxLosses;
  if (!isLast) return undefined;
  const how = by === 'stopped' ? 'stopped by a drain of its node' : 'lost with its node or process';
  const message = losses === 1 ? `its attempt was ${how}` : `${how}; ${losses} attempts were lost`;
  return { reason: 'NODE_LOST', message };
}

/** What was begun and lost may not begin again: nothing may begin that is not on record. */
export function isStartedOnce({ maxLosses }: RetryPolicy): boolean {
  return maxLosses === 0;
}

/** Upper bound of the delay after the `failures`-th failed attempt (1-based). */
export function backoffCeilingMs(policy: RetryPolicy, failures: number): number {
  return Math.min(policy.maxMs, policy.initialMs * policy.coefficient ** Math.max(0, failures - 1));
}

/** Full jitter: uniform between 0 and the ceiling, so that jobs that failed together do not come back together. */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  return Math.floor(random * backoffCeilingMs(policy, failures));
}
