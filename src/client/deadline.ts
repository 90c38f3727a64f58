/**
 * Until when a call may take. Gateways and grpc-js count in 32 bits, where more than 24.8 days would be over at once; so the
 * longest is 24 days, which is also what "for ever" comes to.
 */
import { notSayable } from './client-error.ts';

export const timeoutMaxMs = 24 * 86_400_000;

/** Epoch ms. What is over already ends the call at once; what is no number is refused. */
export function deadlineAfter(timeoutMs: number): number {
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw notSayable('INVALID_ARGUMENT', [{ field: 'timeoutMs', description: 'must be a number of milliseconds' }]);
  }
  return Date.now() + Math.min(Math.max(timeoutMs, 0), timeoutMaxMs);
}
