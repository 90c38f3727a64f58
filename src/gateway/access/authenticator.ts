/** Finds out who makes a call: from its one credential, or from its absence where none is needed. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { keyPrefix } from '../../application/access/key-text.ts';
import type { TokenVerifier } from '../../application/ports/token-verifier.ts';
import type { Permission } from '../../domain/access/permission.ts';
import { permissionMissing, type Principal } from '../../domain/access/principal.ts';
import { type builtInRoles, grantsOf, rolesWith } from '../../domain/access/role.ts';
import { TroupeError } from '../../domain/errors.ts';
import { defaultTenant } from '../../domain/queue.ts';
import type { CertificateVerifier } from './certificate-verifier.ts';

export interface AuthenticatorOptions {
  /**
   * Whoever sends the present token may do everything, in the default tenant and in the cluster. Undefined: there is none.
   */
  readonly operatorToken: (() => string) | undefined;
  /** Told of each call with that token. */
  readonly operatorCalled?: () => void;
  /** Undefined: no issuer is configured. */
  readonly tokens: TokenVerifier | undefined;
  /** Undefined: API keys are not accepted here. */
  readonly keys?: TokenVerifier | undefined;
  /** Undefined: there is no listener for clients with certificates. */
  readonly certificates?: CertificateVerifier | undefined;
  /**
   * What callers without a credential may do. `work`: all that concerns jobs and queues, and see the cluster.
   * `everything`: steer the cluster, too. `nothing`: they are refused.
   */
  readonly withoutCredential: 'nothing' | 'work' | 'everything';
}

export interface Authenticator {
  /** False: every caller is the same principal, and credentials are not looked at, because nothing could check them. */
  readonly looksAtCredentials: boolean;
  /** False: no connection has a certificate. */
  readonly looksAtCertificates: boolean;
  /**
   * Throws or rejects with NO_CREDENTIALS, AMBIGUOUS_CREDENTIALS, or with what `TokenVerifier.verify` throws for tokens and
   * for API keys, and `CertificateVerifier.verify` for certificates.
   */
  authenticate(bearer: string | undefined, certificate?: PeerCertificate): Principal | Promise<Principal>;
  /** The refusal of a call for which this principal lacks the permission. It says how to get it, if the caller can. */
  refusal(principal: Principal, permission: Permission): TroupeError;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { operatorToken, tokens, keys, certificates } = options;
  const isOperator = operatorToken === undefined ? () => false : createComparison(operatorToken);
  const anyone = anyoneWith(options.withoutCredential);
  const looksAtCertificates = certificates !== undefined;
  const looksAtCredentials =
    operatorToken !== undefined || tokens !== undefined || keys !== undefined || looksAtCertificates;

  return {
    looksAtCredentials,
    looksAtCertificates,
    authenticate(bearer, certificate) {
      if (certificate !== undefined && certificates !== undefined) {
        if (bearer === undefined) return certificates.verify(certificate);
        throw new TroupeError('AMBIGUOUS_CREDENTIALS');
      }
      if (bearer === undefined) {
        if (anyone !== undefined) return anyone;
        throw new TroupeError('NO_CREDENTIALS');
      }
      if (isOperator(bearer)) {
        options.operatorCalled?.();
        return operator;
      }
      if (keys !== undefined && bearer.startsWith(keyPrefix)) return keys.verify(bearer);
      if (tokens === undefined) throw new TroupeError('TOKEN_INVALID');
      return tokens.verify(bearer);
    },
    refusal(principal, permission) {
      if (principal.kind !== 'anyone') return permissionMissing(permission);
      const metadata = { permission };
      if (looksAtCredentials) {
        const message = `this call needs the permission ${permission}: send "authorization: Bearer TOKEN"`;
        return new TroupeError('NO_CREDENTIALS', { message, metadata });
      }
      const message =
        `this call needs the permission ${permission}, which nobody has here: configure gateway.operatorTokenPath or ` +
        'gateway.issuers, or call a gateway that listens on loopback';
      return new TroupeError('PERMISSION_MISSING', { message, metadata });
    },
  };
}

const everything = ['cluster-admin', 'tenant-admin'] as const satisfies readonly (keyof typeof builtInRoles)[];
/** All that is about queues, and nothing that lasts beyond them: a key that anyone made would work at other gateways. */
const work = ['cluster-viewer', 'tenant-admin@*'] as const;

function inDefaultTenant(kind: 'operator' | 'anyone', roles: readonly string[]): Principal {
  return {
    kind,
    id: kind,
    tenant: defaultTenant,
    roles,
    ...grantsOf(rolesWith({}), roles),
    expiresAtMs: undefined,
  };
}

const operator = inDefaultTenant('operator', everything);

function anyoneWith(allowed: AuthenticatorOptions['withoutCredential']): Principal | undefined {
  switch (allowed) {
    case 'nothing':
      return undefined;
    case 'work':
      return inDefaultTenant('anyone', work);
    case 'everything':
      return inDefaultTenant('anyone', everything);
  }
}

/** Digests have equal length, so the time of the comparison reveals nothing, not even the token's length. */
function createComparison(present: () => string): (bearer: string) => boolean {
  let wanted = { token: present(), digest: digest(present()) };
  return (bearer) => {
    const token = present();
    if (token !== wanted.token) wanted = { token, digest: digest(token) };
    return timingSafeEqual(digest(bearer), wanted.digest);
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
