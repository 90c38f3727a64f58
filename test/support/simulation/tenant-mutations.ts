/** Seeded bugs in what tenants are promised. */
import type { LimitUseResult, QuotaResult, TenantQuotaItem } from '../../../src/application/ports/shard-protocol.ts';
import { tenantBody, tenantOf } from '../../../src/application/tenants/tenant-documents.ts';
import type { Tenant } from '../../../src/domain/tenant.ts';
import { type Change, type Mutation, onHandler } from './mutation.ts';

export const tenantMutations: Readonly<Record<string, Mutation>> = {
  "the home of a tenant's quota gives out twice as much": {
    breaks: [10],
    within: 40,
    load: 'tenants',
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'leaseTenantQuota') return results;
      return results.map((result) => {
        if (!('ok' in result)) return result;
        const { lease, epoch } = result.ok as QuotaResult;
        return { ok: { lease: { ...lease, running: 2 * (lease.running ?? 0) }, epoch } };
      });
    }),
  },
  "a question about a tenant's quota that comes late counts": {
    breaks: [10],
    within: 60,
    load: 'tenants',
    change: onHandler((handler, _cluster, { host }) => (verb, items) => {
      if (verb !== 'leaseTenantQuota') return handler(verb, items);
      const asked = (items as readonly TenantQuotaItem[]).map(({ order: _order, ...item }) => item);
      host.clock.setTimer(host.random() * 1_000, () => void handler(verb, asked).catch(() => undefined));
      return handler(verb, asked);
    }),
  },
  'a shard does not tell a new home what its tenants run': {
    breaks: [10],
    within: 200,
    firstTried: 139,
    load: 'tenants',
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'limitUse') return results;
      return results.map((result) => {
        if (!('ok' in result)) return result;
        const { uses } = result.ok as LimitUseResult;
        return { ok: { uses: uses.filter(({ queue }) => queue !== undefined) } };
      });
    }),
  },
  'nobody reads that a tenant has a quota': {
    breaks: [10],
    within: 20,
    load: 'tenants',
    change: readsTenants((tenant) => ({ ...tenant, quotas: {} })),
  },
  'nobody reads that a tenant is dedicated': {
    breaks: [11],
    within: 40,
    load: 'tenants',
    change: readsTenants((tenant) => ({ ...tenant, dedicated: false })),
  },
  'a node takes jobs of tenants that it does not name': {
    breaks: [11],
    within: 40,
    load: 'tenants',
    change: (_cluster, ports) => {
      ports.tenants = ['*', 'acme'];
    },
  },
};

function readsTenants(change: (tenant: Tenant) => Tenant): Change {
  return (_cluster, ports) => {
    const { store } = ports;
    const { documents } = store;
    const listDocuments: typeof documents.listDocuments = async (scope, page) => {
      const found = await documents.listDocuments(scope, page);
      if (scope.collection !== 'tenants') return found;
      return found.map((document) => ({ ...document, body: tenantBody(change(tenantOf(document))) }));
    };
    ports.store = { ...store, documents: { ...documents, listDocuments } };
  };
}
