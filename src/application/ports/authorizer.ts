/** Who may do what beyond working with jobs. One role today; real authentication takes the place of the one behind this. */
import type { CallContext } from '../protocol/call-context.ts';

type Role = 'operator';

export interface Authorizer {
  /** Throws UNAUTHENTICATED or PERMISSION_DENIED, with words on what to do about it. */
  demand(role: Role, caller: Pick<CallContext, 'bearerToken'>): void;
}
