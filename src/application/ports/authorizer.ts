/**
 * Decides which callers may do more than work with jobs. There is one role today. Real authentication will implement
 * this port.
 */
import type { CallContext } from './call-context.ts';

type Role = 'operator';

export interface Authorizer {
  /** Throws UNAUTHENTICATED or PERMISSION_DENIED; the message says how to get the permission. */
  demand(role: Role, caller: Pick<CallContext, 'bearerToken'>): void;
}
