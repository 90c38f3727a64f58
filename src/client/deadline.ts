/**
 * Deadlines of calls. Gateways and grpc-js hold milliseconds in 32 bits, so a timeout above 24.8 days would expire at
 * once. Longer timeouts, including Infinity, therefore count as 24 days.
 */
import { notSayable } from './client-error.ts';

export const timeoutMaxMs = 24 * 86_400_000;

/**
 * The deadline in epoch ms. A negative timeout is already over. Throws INVALID_ARGUMENT if the timeout is not a number.
 */
export function deadlineAfter(timeoutMs: number): number {
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw notSayable('INVALID_ARGUMENT', [{ field: 'timeoutMs', description: 'must be a number of milliseconds' }]);
  }
  return Date.now() + Math.min(Math.max(timeoutMs, 0), timeoutMaxMs);
}
