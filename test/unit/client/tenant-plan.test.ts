// Declared tenants beside present ones: applying makes them the same, whatever both were, and also when it is cut off in between.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { applyTenants, type TenantStep, tenantPlansOf } from '../../../src/client/apply-tenants.ts';
import { TroupeClientError } from '../../../src/client/client-error.ts';
import type { DeclaredTenant, DeclaredTenants } from '../../../src/client/tenant-plan.ts';
import type { TenantChange, TenantInfo, TenantsClient, TenantUseInfo } from '../../../src/client/tenants-client.ts';
import { tenantQuotaNames } from '../../../src/domain/tenant.ts';

class Cut extends Error {}

/** The gateway, as far as tenants go. It can end before a change, and others can change a tenant before it. */
class Gateway {
  readonly tenants = new Map<string, TenantInfo>();
  changesLeft = Infinity;
  beforeChange: (name: string) => void = () => undefined;
  #etag = 0;

  put(name: string, tenant: Partial<TenantInfo>): TenantInfo {
    const former = this.tenants.get(name) ?? {
      name,
      state: 'ACTIVE' as const,
      description: '',
      quotas: {},
      weight: 1,
      dedicated: false,
      encrypted: false,
      createdAt: new Date(0),
      creator: 'a test',
    };
    const { pauseReason, ...rest } = { ...former, ...tenant };
    const kept = rest.state === 'PAUSED' && pauseReason !== undefined && pauseReason !== '' ? { pauseReason } : {};
    const next = { ...rest, ...kept, etag: `${(this.#etag += 1)}` };
    this.tenants.set(name, next);
    return next;
  }

  #change(name: string): TenantInfo | undefined {
    if ((this.changesLeft -= 1) < 0) throw new Cut();
    this.beforeChange(name);
    return this.tenants.get(name);
  }

  readonly client = {
    create: async (name: string, tenant: TenantChange) => {
      if (this.#change(name) !== undefined) throw refused('TENANT_EXISTS');
      return this.put(name, tenant);
    },
    update: async (name: string, etag: string, { quotas = {}, ...settings }: TenantChange) => {
      const present = this.#change(name);
      if (present?.etag !== etag) throw refused('TENANT_CHANGED');
      const merged = Object.entries({ ...present.quotas, ...quotas }).filter(([, limit]) => limit !== 0);
      return this.put(name, { ...settings, quotas: Object.fromEntries(merged) });
    },
    pause: async (name: string, { reason = '' } = {}) => {
      this.#change(name);
      return this.put(name, { state: 'PAUSED', pauseReason: reason });
    },
    resume: async (name: string) => {
      this.#change(name);
      return this.put(name, { state: 'ACTIVE' });
    },
    get: async (name: string) => {
      const tenant = this.tenants.get(name);
      if (tenant === undefined) throw refused('TENANT_NOT_FOUND');
      return { ...tenant, use: { queues: 0, serviceAccounts: 0 } } as TenantUseInfo;
    },
  };

  get calls(): TenantsClient {
    const all = this.tenants;
    const list = async function* () {
      for (const tenant of [...all.values()]) yield tenant;
    };
    return { ...this.client, list } as unknown as TenantsClient;
  }
}

function refused(code: 'TENANT_EXISTS' | 'TENANT_CHANGED' | 'TENANT_NOT_FOUND'): TroupeClientError {
  return new TroupeClientError({ code, message: code, status: 'ABORTED', retryable: false, outcome: 'none' });
}

async function applied(gateway: Gateway, declared: DeclaredTenants): Promise<readonly TenantStep[]> {
  const steps: TenantStep[] = [];
  for await (const step of applyTenants(gateway.calls, declared)) steps.push(step);
  return steps;
}

const settings = fc.record(
  {
    description: fc.constantFrom('', 'a shop'),
    quotas: fc.dictionary(fc.constantFrom(...tenantQuotaNames), fc.integer({ min: 1, max: 9 }), {
      noNullPrototype: true,
    }),
    weight: fc.integer({ min: 1, max: 3 }),
    dedicated: fc.boolean(),
  },
  { requiredKeys: [] },
);
const state = fc.constantFrom(
  {},
  { state: 'active' as const },
  { state: 'paused' as const },
  {
    state: 'paused' as const,
    pauseReason: 'over budget',
  },
);
const declaredTenant = fc.tuple(settings, state).map(([one, other]): DeclaredTenant => ({ ...one, ...other }));
const name = fc.constantFrom('a', 'b', 'default', 'toString', 'constructor');
const declarations = fc
  .uniqueArray(fc.tuple(name, declaredTenant), { selector: ([one]) => one })
  .map((all) => new Map(all));
const present = fc.uniqueArray(
  fc.tuple(
    name,
    fc
      .tuple(settings, fc.constantFrom('ACTIVE' as const, 'PAUSED' as const))
      .map(([one, is]) => ({ ...one, state: is })),
  ),
  { selector: ([one]) => one },
);

it('makes the tenants what is declared, whatever they were, and leaves the others', async () => {
  await fc.assert(
    fc.asyncProperty(declarations, present, fc.nat(6), async (declared, before, changes) => {
      const gateway = new Gateway();
      for (const [one, tenant] of before) gateway.put(one, tenant);
      const others = before.map(([one]) => one).filter((one) => !declared.has(one));
      const untouched = others.map((one) => gateway.tenants.get(one));
      // Cut off, and then once more.
      gateway.changesLeft = changes;
      await applied(gateway, declared).catch((error: unknown) => {
        if (!(error instanceof Cut)) throw error;
      });
      gateway.changesLeft = Infinity;
      await applied(gateway, declared);
      const plans = await tenantPlansOf(gateway.calls, declared);
      expect(plans.filter(({ kind }) => kind !== 'unchanged').map((plan) => [plan.kind, plan.name])).toEqual(
        others.toSorted().map((one) => ['undeclared', one]),
      );
      expect(others.map((one) => gateway.tenants.get(one))).toEqual(untouched);
      for (const step of await applied(gateway, declared)) expect(['unchanged', 'undeclared']).toContain(step.done);
    }),
    { numRuns: 300 },
  );
});

it('compares again when somebody else was faster, and gives up on who keeps changing it', async () => {
  const gateway = new Gateway();
  gateway.put('a', { weight: 2 });
  let left = 2;
  gateway.beforeChange = (one) => {
    if ((left -= 1) >= 0) gateway.put(one, { weight: 5 + left });
  };
  const declared = new Map([['a', { weight: 3 }]]);
  expect((await applied(gateway, declared)).map(({ done }) => done)).toEqual(['overtaken', 'overtaken', 'updated']);
  left = Infinity;
  gateway.put('a', { weight: 2 });
  await expect(applied(gateway, declared)).rejects.toMatchObject({ code: 'TENANT_CHANGED' });
});

it('says of a tenant that is being deleted that it cannot be changed', async () => {
  const gateway = new Gateway();
  gateway.put('a', { state: 'DELETING' });
  gateway.put('b', { state: 'DELETING' });
  gateway.put('c', { state: 'DELETED' });
  expect(await applied(gateway, new Map([['a', {}]]))).toEqual([{ name: 'a', done: 'deleting', changes: [] }]);
});
