/** Who makes a call. It follows from the credential alone, never from what a request says. */
import { TroupeError } from '../errors.ts';
import type { Permission } from './permission.ts';

/**
 * - subject: a person or service, known by a token of an issuer.
 * - service: a service account, known by an API key.
 * - operator: the holder of the operator token.
 * - anyone: whoever reaches a gateway that asks for no credential.
 */
type PrincipalKind = 'subject' | 'service' | 'operator' | 'anyone';

export interface Principal {
  readonly kind: PrincipalKind;
  /** Stable, and safe to log: `jwt:corp:4711`, `service:acme/billing`, `operator`, `anyone`. */
  readonly id: string;
  /** Undefined: the credential names none, so the principal can only make calls about the cluster. */
  readonly tenant: string | undefined;
  /** Names of its roles, sorted. */
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<Permission>;
  /** Epoch ms by this machine's clock. Undefined if the credential does not expire. */
  readonly expiresAtMs: number | undefined;
}

export function holds({ permissions }: Pick<Principal, 'permissions'>, permission: Permission): boolean {
  return permissions.has(permission);
}

/** Names the permission in its text too, because it is what the caller must ask for, and many clients show the text alone. */
export function permissionMissing(permission: Permission): TroupeError {
  const message = `the caller lacks the permission ${permission}, which this call needs`;
  return new TroupeError('PERMISSION_MISSING', { message, metadata: { permission } });
}
