/**
 * The operator's token from the configuration, until there is real authentication behind the same port. Without a token
 * whoever reaches the gateway is the operator, as long as only this machine can reach it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authorizer } from '../application/ports/authorizer.ts';
import { TroupeError } from '../domain/errors.ts';
import { isLoopback } from './listen-error.ts';

export interface OperatorAuthorizerOptions {
  readonly operatorToken: string | undefined;
  /** What the gateway listens on. */
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
            `this needs the role ${role}, and the gateway has no operator token while others can reach it (${host}): ` +
            'configure gateway.operatorToken or gateway.operatorTokenPath, or call a gateway that listens on loopback',
          metadata: { role },
        });
      }
      // Digests are equally long, so that the comparison tells nothing, not even the length.
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
