/** Tenants that are sealed because their record says so, besides those that the configuration of the process names. */
import type { Tenant } from '../../domain/tenant.ts';
import type { KnownTenants } from '../tenants/known-tenants.ts';
import type { WatchedTenants } from '../tenants/watched-tenants.ts';
import type { Sealing } from './sealing.ts';

type Requires = Sealing['requires'];

/** Of a gateway. Rejects as `find` does while it is not known whether a tenant is sealed. */
export function sealedByGateway(sealing: Sealing, known: Pick<KnownTenants, 'find'>): Sealing {
  const isSealed = (tenant: Tenant | undefined): boolean => tenant?.encrypted === true;
  return sealedAlso(sealing, (name) => {
    const found = known.find(name);
    return found instanceof Promise ? found.then(isSealed) : isSealed(found);
  });
}

/** Of a worker. Rejects with what the store says while it has not read the tenants at all. */
export function sealedByWorker(sealing: Sealing, watched: Pick<WatchedTenants, 'isRead' | 'prepare' | 'of'>): Sealing {
  const isSealed = (name: string): boolean => watched.of(name).isEncrypted;
  return sealedAlso(sealing, (name) =>
    watched.isRead() ? isSealed(name) : watched.prepare().then(() => isSealed(name)),
  );
}

function sealedAlso(sealing: Sealing, also: Requires): Sealing {
  return {
    ...sealing,
    requires(name) {
      const named = sealing.requires(name);
      if (named === true) return true;
      return named === false ? also(name) : named.then((isNamed) => isNamed || also(name));
    },
  };
}
