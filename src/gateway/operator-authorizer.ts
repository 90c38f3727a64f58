/**
 * Authorizes operators by the token in the configuration. Real authentication will replace this behind the same port.
 * Without a token, every caller is an operator, provided that the gateway is reachable from this machine only.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authorizer } from '../application/ports/authorizer.ts';
import { TroupeError } from '../domain/errors.ts';
import { isLoopback } from './listen-error.ts';

export interface OperatorAuthorizerOptions {
  readonly operatorToken: string | undefined;
  /** The host that the gateway listens on. */
  readonly host: string;
}

export function createOperatorAuthorizer({ operatorToken, host }: OperatorAuthorizerOptions): Authorizer {
  const wanted = operatorToken === undefined ? undefined : digest(operatorToken);
  return {
    demand(role, { bearerToken }) {
      if (wanted === undefined) {
        if (isLoopback(host)) return;
        throw new TroupeError('PERMISSION_DENIED', {
          message:
            `this call needs the role ${role}, but the gateway has no operator token and is not on loopback (${host}): ` +
            'configure gateway.operatorToken or gateway.operatorTokenPath, or call a gateway that listens on loopback',
          metadata: { role },
        });
      }
      // Digests have equal length, so the time of the comparison reveals nothing, not even the token's length.
      if (bearerToken !== undefined && timingSafeEqual(digest(bearerToken), wanted)) return;
      const message =
        bearerToken === undefined
          ? `this needs the role ${role}: send "authorization: Bearer" with the operator token (troupe --token)`
          : `this needs the role ${role}, and the token is not the operator's`;
      throw new TroupeError('UNAUTHENTICATED', { message, metadata: { role } });
    },
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
