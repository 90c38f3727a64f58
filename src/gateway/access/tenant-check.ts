/**
 * Decides whether the tenant of a caller is served. Whoever steers the cluster may do so whatever becomes of the tenant that the
 * credential names.
 */
import type { KnownTenants } from '../../application/tenants/known-tenants.ts';
import type { MethodAccess } from '../../contract/method-access.ts';
import { isClusterPermission } from '../../domain/access/permission.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { TroupeError } from '../../domain/errors.ts';
import { defaultTenant } from '../../domain/queue.ts';
import type { Tenant } from '../../domain/tenant.ts';

export interface TenantCheck {
  /**
   * A promise only if the store has to be asked. Throws or rejects with TENANT_DELETING, or with TOKEN_INVALID if there is no
   * such tenant: whoever has no tenant here learns no more than whoever has no good credential.
   */
  admit(principal: Principal, access: MethodAccess): undefined | Promise<void>;
}

export interface TenantCheckParts {
  readonly known: KnownTenants;
  /** Whether a tenant that nobody made is refused. `default` is always there. */
  readonly mustBeMade: boolean;
  /** Told why a caller is refused. For the log. */
  readonly refused: (reason: string) => void;
}

export function createTenantCheck({ known, mustBeMade, refused }: TenantCheckParts): TenantCheck {
  function judge(name: string, tenant: Tenant | undefined): void {
    if (tenant === undefined) {
      if (!mustBeMade || name === defaultTenant) return;
      refused(`nobody made the tenant ${name}`);
      throw new TroupeError('TOKEN_INVALID');
    }
    switch (tenant.state) {
      case 'ACTIVE':
      case 'PAUSED':
        return;
      case 'DELETING':
        throw new TroupeError('TENANT_DELETING', { metadata: { tenant: name } });
      case 'DELETED':
        refused(`the tenant ${name} was deleted`);
        throw new TroupeError('TOKEN_INVALID');
    }
  }

  return {
    admit(principal, { scope }) {
      const { tenant, permissions } = principal;
      if (tenant === undefined || scope === 'cluster') return undefined;
      if (scope === 'caller' && [...permissions].some(isClusterPermission)) return undefined;
      const found = known.find(tenant);
      if (found instanceof Promise) return found.then((made) => judge(tenant, made));
      judge(tenant, found);
      return undefined;
    },
  };
}
