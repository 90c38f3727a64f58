/** Callers for tests that make calls without a gateway. */
import { type Permission, permissions } from '../../src/domain/access/permission.ts';
import type { Principal } from '../../src/domain/access/principal.ts';

/** A caller of the default tenant that may do everything. */
export const mayEverything: Principal = callerWith(Object.keys(permissions) as Permission[]);

export function callerWith(held: readonly Permission[], tenant = 'default'): Principal {
  return {
    kind: 'subject',
    id: 'jwt:test:caller',
    tenant,
    roles: [],
    permissions: new Set(held),
    onlyIn: new Map(),
    expiresAtMs: undefined,
  };
}
