/** Decides whether a failed attempt may be followed by another one under the retry policy, and when. */
import type { Failure, RetryPolicy } from './job.ts';

/** A handler's error code that a policy can name. The codes of Node, HTTP clients and databases match. */
export const errorCodePattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;
export const nonRetryableCodesMax = 32;
/** Also the maximum: only machines that fail again and again reach it. */
export const maxLossesDefault = 24;

/**
 * True if the policy names the code of the error or of one of its causes. For example, `fetch` hides ECONNREFUSED in a
 * cause.
 */
export function isNonRetryable({ nonRetryableCodes = [] }: RetryPolicy, { code, causes = [] }: Failure): boolean {
  return [code, ...causes.map((cause) => cause.code)].some(
    (one) => one !== undefined && nonRetryableCodes.includes(one),
  );
}

/**
 * Returns the final failure of a job whose attempt was lost, or `undefined` if it may run again.
 * If the job sets `maxLosses`, every loss counts. The default is only a safety limit: attempts that ended in an orderly
 * way (a drain, a deployment, an eviction with enough notice) never count, and `blamed` counts the others, which the
 * job may have caused.
 */
export function lastLoss(
  { maxLosses = maxLossesDefault }: RetryPolicy,
  { losses, blamed }: { readonly losses: number; readonly blamed: number },
  by: 'stopped' | 'lost',
): Failure | undefined {
  const isLast = maxLosses < maxLossesDefault ? losses > maxLosses : by === 'lost' && blamed > maxLosses;
  if (!isLast) return undefined;
  const how = by === 'stopped' ? 'stopped by a drain of its node' : 'lost with its node or process';
  const message = losses === 1 ? `its attempt was ${how}` : `${how}; ${losses} attempts were lost`;
  return { reason: 'NODE_LOST', message };
}

/** True if a lost attempt must not be repeated. Then an attempt may start only after its claim is durable. */
export function isStartedOnce({ maxLosses }: RetryPolicy): boolean {
  return maxLosses === 0;
}

/** The upper bound of the delay after a number of failed attempts, counted from 1. */
export function backoffCeilingMs(policy: RetryPolicy, failures: number): number {
  return Math.min(policy.maxMs, policy.initialMs * policy.coefficient ** Math.max(0, failures - 1));
}

/**
 * The delay with full jitter: uniform between 0 and the upper bound, so that jobs that failed together do not retry
 * together.
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  return Math.floor(random * backoffCeilingMs(policy, failures));
}
