/** Checks tokens of the configured issuers, or API keys. */
import type { Principal } from '../../domain/access/principal.ts';

export interface TokenVerifier {
  /**
   * Returns the principal of a token, at once if the token was verified a moment ago. Throws or rejects with
   * TOKEN_INVALID (whatever is wrong with it), TOKEN_EXPIRED, KEY_REVOKED or KEY_ROTATED, or with ISSUER_UNAVAILABLE or
   * STORE_UNAVAILABLE if it cannot be checked.
   */
  verify(token: string): Principal | Promise<Principal>;
}
