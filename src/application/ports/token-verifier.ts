/** Checks tokens of the configured issuers. */
import type { Principal } from '../../domain/access/principal.ts';

export interface TokenVerifier {
  /**
   * Returns the principal of a token, at once if the token was verified a moment ago. Throws or rejects with
   * TOKEN_INVALID (whatever is wrong with it), TOKEN_EXPIRED, or ISSUER_UNAVAILABLE if the keys of its issuer cannot be
   * had.
   */
  verify(token: string): Principal | Promise<Principal>;
}
