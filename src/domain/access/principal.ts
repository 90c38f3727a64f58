/** Who makes a call. It follows from the credential alone, never from what a request says. */
import { TroupeError } from '../errors.ts';
import type { Permission } from './permission.ts';
import { isInSome } from './role-binding.ts';

/**
 * - subject: a person or service, known by a token of an issuer.
 * - service: a service account, known by an API key.
 * - certificate: a program, known by the URI of its client certificate.
 * - operator: the holder of the operator token.
 * - anyone: whoever reaches a gateway that asks for no credential.
 */
export type PrincipalKind = 'subject' | 'service' | 'certificate' | 'operator' | 'anyone';

export interface Principal {
  readonly kind: PrincipalKind;
  /** Stable, and safe to log: `jwt:corp:4711`, `service:acme/billing`, `spiffe://corp/ns/billing`, `operator`, `anyone`. */
  readonly id: string;
  /** Undefined: the credential names none, so the principal can only make calls about the cluster. */
  readonly tenant: string | undefined;
  /** Its roles as they were given, sorted: `viewer`, `submitter@reports-*`. */
  readonly roles: readonly string[];
  /** What it may do somewhere. */
  readonly permissions: ReadonlySet<Permission>;
  /** For permissions that it has in some queues only: patterns of their names. */
  readonly onlyIn: ReadonlyMap<Permission, readonly string[]>;
  /** Epoch ms by this machine's clock. Undefined if the credential does not expire. */
  readonly expiresAtMs: number | undefined;
  /** The id of the credential, if it has one: of the API key, or the `jti` of the token. For the audit log. */
  readonly credential?: string;
}

/** Whether the principal has a permission in a queue. */
export function holdsIn(
  { permissions, onlyIn }: Pick<Principal, 'permissions' | 'onlyIn'>,
  permission: Permission,
  queue: string,
): boolean {
  return permissions.has(permission) && isInSome(queue, onlyIn.get(permission));
}

/** Names the permission in its text too, because it is what the caller must ask for, and many clients show the text alone. */
export function permissionMissing(permission: Permission): TroupeError {
  const message = `the caller lacks the permission ${permission}, which this call needs`;
  return new TroupeError('PERMISSION_MISSING', { message, metadata: { permission } });
}
