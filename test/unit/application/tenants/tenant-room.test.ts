/** Quotas of what is made, with several gateways at the same time and crashes between the steps. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { QuotaUse } from '../../../../src/application/tenants/quota-alarms.ts';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import { createTenantRoom, notesPlace, type TenantRoom } from '../../../../src/application/tenants/tenant-room.ts';
import type { TenantQuotas, Tenant } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';

let clock: VirtualClock;
let table: DocumentTable;
let made: Set<string>;
let told: (QuotaUse & { readonly level: 'admitted' | 'refused' })[];

beforeEach(() => {
  clock = createVirtualClock();
  [table, made, told] = [new DocumentTable(), new Set(), []];
});

/** Steps of the gateways mix in an order that the seed gives. */
function gateway(random = () => 0): TenantRoom {
  const documents = createMemoryDocuments(table);
  const calls = Object.entries(documents) as [string, (...args: never[]) => Promise<unknown>][];
  const slow = calls.map(([name, call]) => [
    name,
    async (...args: never[]) => {
      for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1) await Promise.resolve();
      return call(...args);
    },
  ]);
  return createTenantRoom({
    documents: Object.fromEntries(slow) as typeof documents,
    alarms: {
      admitted: (use) => void told.push({ ...use, level: 'admitted' }),
      refused: (use) => void told.push({ ...use, level: 'refused' }),
    },
    clock,
  });
}

function makeTenant(quotas: TenantQuotas, state: Tenant['state'] = 'ACTIVE'): void {
  const tenant: Tenant = { name: 'acme', state, description: '', quotas, createdAtMs: 0, creator: 'operator' };
  table.create(tenantPlace('acme'), tenantBody(tenant));
}

const making = (name: string) => ({ tenant: 'acme', quota: 'queues', name, existing: async () => [...made] }) as const;

function create(room: TenantRoom, name: string): Promise<void> {
  return room.within(making(name), async () => {
    await Promise.resolve();
    made.add(name);
  });
}

const full = { code: 'LIMIT_REACHED', metadata: { quota: 'queues', limit: '3', used: '3' } };

describe('a quota of queues', () => {
  it('lets that many be made, and says of one more which quota it is', async () => {
    makeTenant({ queues: 3 });
    for (const name of ['__proto__', 'toString', 'c']) await create(gateway(), name);
    await expect(create(gateway(), 'd')).rejects.toMatchObject(full);
    // What is there takes no further place.
    await create(gateway(), 'c');
    made.delete('toString');
    await create(gateway(), 'd');
    expect(made.size).toBe(3);
    expect(told.filter(({ level }) => level === 'refused')).toEqual([
      { tenant: 'acme', quota: 'queues', used: 3, limit: 3, level: 'refused' },
    ]);
  });

  it('is exact, however the steps of ten gateways mix (200 orders)', async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      [table, made] = [new DocumentTable(), new Set()];
      makeTenant({ queues: 3 });
      let state = seed;
      const random = () => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return state / 2_147_483_648;
      };
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => create(gateway(random), `q${n}`)));
      expect(made.size, `seed ${seed}`).toBe(3);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    }
  });

  it('counts what a gateway that died was about to make for a minute', async () => {
    makeTenant({ queues: 1 });
    const died = gateway().within(making('a'), () => new Promise(() => undefined));
    await new Promise((resolve) => void setImmediate(resolve));
    await expect(create(gateway(), 'b')).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
    clock.step(59_999);
    await expect(create(gateway(), 'b')).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
    clock.step(60_000);
    await create(gateway(), 'b');
    expect([...made]).toEqual(['b']);
    expect(died).toBeInstanceOf(Promise);
  });

  it('notes 200 names at a time, which fit into a document', async () => {
    makeTenant({ queues: 100_000 });
    for (let n = 0; n < 200; n += 1) {
      void gateway().within(making(`q${n}`.padEnd(64, 'x')), () => new Promise(() => undefined));
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await expect(create(gateway(), 'one-more')).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterMs: 1_000 });
    clock.step(60_000);
    await create(gateway(), 'one-more');
  });

  it('gives the place back when nothing was made', async () => {
    makeTenant({ queues: 1 });
    const broken = gateway().within(making('a'), () => Promise.reject(new Error('store')));
    await expect(broken).rejects.toThrow('store');
    await new Promise((resolve) => void setImmediate(resolve));
    await create(gateway(), 'b');
    expect([...made]).toEqual(['b']);
  });

  it('costs a tenant without it one read, and no note', async () => {
    await create(gateway(), 'a');
    makeTenant({ serviceAccounts: 1 });
    await create(gateway(), 'b');
    expect(table.find(notesPlace('acme', 'queues'))).toBeUndefined();
    expect(told).toEqual([]);
  });

  it.each(['DELETING', 'DELETED'] as const)('lets nothing be made of a tenant that is %s', async (state) => {
    makeTenant({}, state);
    await expect(create(gateway(), 'a')).rejects.toMatchObject({ code: 'TENANT_DELETING' });
    expect(made.size).toBe(0);
  });
});
