/** The methods of Access: what the gateway knows about the caller, and account-methods.ts. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { principalKindCodes } from '../contract/codes.ts';
import { toOptionalTime } from '../contract/time.ts';
import { isPermission } from '../domain/access/permission.ts';
import { holdsIn } from '../domain/access/principal.ts';
import { TroupeError } from '../domain/errors.ts';
import { namePattern } from '../domain/queue.ts';
import { accountMethods } from './account-methods.ts';
import { toTenant } from './tenant-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function accessService(
  parts: Pick<ServiceParts, 'scope' | 'useCases' | 'wallMs'>,
): UntypedServiceImplementation {
  const { scope, useCases } = parts;
  return {
    ...accountMethods(parts),

    WhoAmI: scope.read('WhoAmI', (_request, { principal }) =>
      Promise.resolve({
        principal: principal.id,
        kind: principalKindCodes[principal.kind],
        tenant: principal.tenant,
        roles: [...principal.roles],
        permissions: [...principal.permissions].sort(),
        expireTime: toOptionalTime(principal.expiresAtMs),
      }),
    ),

    GetOwnTenant: scope.read('GetOwnTenant', async (_request, context) => {
      const { use, ...stored } = await useCases.tenants.get(context, context.tenant);
      return { tenant: toTenant(stored), use };
    }),

    TestPermission: scope.read('TestPermission', ({ permission, queue }, { principal }) => {
      if (queue !== '' && !namePattern.test(queue)) {
        const violations = [{ field: 'queue', description: 'is not the name of a queue' }];
        throw new TroupeError('INVALID_ARGUMENT', { violations });
      }
      if (isPermission(permission)) {
        const { permissions } = principal;
        const allowed = queue === '' ? permissions.has(permission) : holdsIn(principal, permission, queue);
        return Promise.resolve({ allowed });
      }
      const description =
        permission === '' ? 'is required' : 'is not a permission: docs/reference/access.md lists them';
      throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'permission', description }] });
    }),
  };
}
