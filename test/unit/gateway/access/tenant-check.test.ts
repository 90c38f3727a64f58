/** Whose calls are served, by the state of the tenant that the credential names. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createKnownTenants } from '../../../../src/application/tenants/known-tenants.ts';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import { loadMethodAccess, type MethodAccess } from '../../../../src/contract/method-access.ts';
import type { Permission } from '../../../../src/domain/access/permission.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { createTenantCheck, type TenantCheck } from '../../../../src/gateway/access/tenant-check.ts';
import { callerWith } from '../../../support/callers.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { silentLog } from '../../../support/stores.ts';

let clock: VirtualClock;
let table: DocumentTable;
let refused: string[];

beforeEach(() => {
  clock = createVirtualClock();
  [table, refused] = [new DocumentTable(), []];
});

function checkOf(mustBeMade: boolean): TenantCheck {
  const known = createKnownTenants({ documents: createMemoryDocuments(table), clock, log: silentLog, mustBeMade });
  return createTenantCheck({ known, mustBeMade, refused: (reason) => void refused.push(reason) });
}

function write(name: string, state: Tenant['state']): void {
  const tenant: Tenant = { name, state, description: '', quotas: {}, createdAtMs: 0, creator: 'operator' };
  const place = tenantPlace(name);
  const present = table.find(place);
  if (present === undefined) table.create(place, tenantBody(tenant));
  else table.replace(place, { body: tenantBody(tenant), expectedRevision: present.revision });
}

const read: MethodAccess = { scope: 'tenant', permission: 'jobs.read', audit: 'none' };
const self: MethodAccess = { scope: 'caller', audit: 'none' };

async function outcomeOf(
  { admit }: TenantCheck,
  tenant: string,
  access = read,
  held: readonly Permission[] = ['jobs.read'],
): Promise<string> {
  try {
    await admit(callerWith(held, tenant), access);
    return 'served';
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

describe('a caller of a tenant', () => {
  it.each([
    ['open', false, 'served'],
    ['listed', true, 'TOKEN_INVALID'],
  ])('that nobody made, where tenants are %s', async (_, mustBeMade, outcome) => {
    for (const name of ['acme', '__proto__', 'toString'])
      expect(await outcomeOf(checkOf(mustBeMade), name)).toBe(outcome);
    expect(refused.length).toBe(mustBeMade ? 3 : 0);
    // It is always there.
    expect(await outcomeOf(checkOf(mustBeMade), 'default')).toBe('served');
  });

  it.each([
    ['ACTIVE', 'served'],
    ['PAUSED', 'served'],
    ['DELETING', 'TENANT_DELETING'],
    ['DELETED', 'TOKEN_INVALID'],
  ] as const)('that is %s', async (state, outcome) => {
    for (const mustBeMade of [false, true]) {
      for (const name of ['acme', 'toString']) {
        write(name, state);
        expect(await outcomeOf(checkOf(mustBeMade), name)).toBe(outcome);
        expect(await outcomeOf(checkOf(mustBeMade), name, self)).toBe(outcome);
      }
    }
  });

  it('is let in within 5 s after the tenant was made', async () => {
    const strict = checkOf(true);
    expect(await outcomeOf(strict, 'acme')).toBe('TOKEN_INVALID');
    write('acme', 'ACTIVE');
    clock.step(4_999);
    expect(await outcomeOf(strict, 'acme')).toBe('TOKEN_INVALID');
    clock.step(5_000);
    expect(await outcomeOf(strict, 'acme')).toBe('served');
  });

  it('is refused within 30 s after the tenant began to be deleted', async () => {
    write('acme', 'ACTIVE');
    const open = checkOf(false);
    expect(await outcomeOf(open, 'acme')).toBe('served');
    write('acme', 'DELETING');
    clock.step(30_000);
    expect(await outcomeOf(open, 'acme')).toBe('TENANT_DELETING');
  });

  it('costs no promise once the tenant is known', async () => {
    const open = checkOf(false);
    await open.admit(callerWith([], 'acme'), read);
    const served: unknown = open.admit(callerWith([], 'acme'), read);
    expect(served).toBeUndefined();
  });

  it('may steer the cluster, and ask who it is, whatever becomes of the tenant', async () => {
    write('acme', 'DELETED');
    for (const [name, access] of loadMethodAccess()) {
      const outcome = await outcomeOf(checkOf(true), 'acme', access, ['cluster.admin']);
      expect([name, outcome]).toEqual([name, access.scope === 'tenant' ? 'TOKEN_INVALID' : 'served']);
    }
  });

  it('that names no tenant is no matter of tenants', async () => {
    const nobody = { ...callerWith([]), tenant: undefined };
    const served: unknown = checkOf(true).admit(nobody, self);
    expect(served).toBeUndefined();
  });
});
