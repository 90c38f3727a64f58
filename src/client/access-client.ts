/** Calls about the caller itself. */
import { principalKindCodes } from '../contract/codes.ts';
import { timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { given } from '../domain/given.ts';
import type { CallParts } from './call-parts.ts';
import type { CallSettings } from './connection.ts';
import { withRetries } from './retry.ts';

/** Who the gateway takes the caller for. */
export interface CallerInfo {
  /** Stable id, such as `jwt:corp:4711`, `service:acme/billing`, `operator` or `anyone`. */
  readonly principal: string;
  /** `anyone`: the gateway asks for no credential. */
  readonly kind: 'subject' | 'service' | 'certificate' | 'operator' | 'anyone' | 'unknown';
  /** Absent if the credential names no tenant. Then only calls about the cluster are possible. */
  readonly tenant?: string;
  /** The roles as they were given, sorted: `viewer`, or for some queues `submitter@reports-*`. */
  readonly roles: readonly string[];
  /** The permissions of these roles, sorted. Some may be for some queues only. */
  readonly permissions: readonly string[];
  /** Absent if the credential does not expire. */
  readonly expiresAt?: Date;
}

/** What the caller may do. */
export interface AccessClient {
  /** Returns who the gateway takes the caller for. */
  whoAmI(settings?: CallSettings): Promise<CallerInfo>;
  /**
   * True if the caller has the permission, in a queue or anywhere. Rejects with INVALID_ARGUMENT if there is no such
   * permission.
   */
  testPermission(permission: string, settings?: CallSettings & { readonly queue?: string }): Promise<boolean>;
}

export function createAccessClient({ connection, contract, backoff }: CallParts): AccessClient {
  const { WhoAmI, TestPermission } = contract.access;
  return {
    async whoAmI(settings = {}) {
      const answer = await withRetries(backoff, 'always', settings.signal, () =>
        connection.unary(WhoAmI, {}, settings),
      );
      const { principal, tenant, roles, permissions } = answer;
      const expiresAtMs = timestampMs(answer.expireTime);
      return {
        principal,
        kind: wordOf(principalKindCodes, answer.kind) ?? 'unknown',
        roles,
        permissions,
        ...given({
          tenant: tenant ?? undefined,
          expiresAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs),
        }),
      };
    },

    async testPermission(permission, { queue = '', ...settings } = {}) {
      const { allowed } = await withRetries(backoff, 'always', settings.signal, () =>
        connection.unary(TestPermission, { permission, queue }, settings),
      );
      return allowed;
    },
  };
}
