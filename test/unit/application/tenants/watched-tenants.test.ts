/** What shards and workers know of tenants, and how soon a change counts there. */
import { beforeEach, describe, expect, it } from 'vitest';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import { createWatchedTenants, type WatchedTenants } from '../../../../src/application/tenants/watched-tenants.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { silentLog } from '../../../support/stores.ts';

let clock: VirtualClock;
let table: DocumentTable;
let isAway: boolean;
let told: string[];
let tenants: WatchedTenants;

beforeEach(() => {
  clock = createVirtualClock();
  [table, isAway, told] = [new DocumentTable(), false, []];
  const { listDocuments } = createMemoryDocuments(table);
  const documents = {
    listDocuments: (...args: Parameters<typeof listDocuments>) =>
      isAway ? Promise.reject(new Error('away')) : listDocuments(...args),
  };
  tenants = createWatchedTenants({ documents, clock, log: silentLog });
  tenants.onChange((tenant, before) => void told.push(`${tenant} ${before.weight} ${tenants.of(tenant).weight}`));
});

function write(name: string, settings: Partial<Tenant>): void {
  const plain = { name, state: 'ACTIVE', description: '', quotas: {}, createdAtMs: 0, creator: 'operator' } as const;
  const place = tenantPlace(name);
  const body = tenantBody({ ...plain, ...settings });
  const present = table.find(place);
  if (present === undefined) table.create(place, body);
  else table.replace(place, { body, expectedRevision: present.revision });
}

async function seconds(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    clock.step(clock.monotonicMs() + 1_000);
    tenants.look();
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

describe('a tenant', () => {
  it('has the weight 1 if nobody made it, or nobody has read it yet', async () => {
    write('acme', { weight: 7 });
    for (const name of ['acme', 'toString', '__proto__']) expect(tenants.of(name).weight).toBe(1);
    await tenants.prepare();
    expect(tenants.of('acme').weight).toBe(7);
    for (const name of ['toString', '__proto__', 'constructor']) expect(tenants.of(name).weight).toBe(1);
  });

  it('has its new weight within 30 s, and whoever listens is told once', async () => {
    write('acme', {});
    write('other', { weight: 2 });
    await seconds(1);
    expect(told).toEqual(['other 1 2']);
    write('acme', { weight: 3 });
    await seconds(11);
    expect(tenants.of('acme').weight).toBe(3);
    write('acme', { weight: 1 });
    await seconds(11);
    expect(tenants.of('acme').weight).toBe(1);
    expect(told).toEqual(['other 1 2', 'acme 1 3', 'acme 3 1']);
  });

  it('keeps what was read last while the store does not answer', async () => {
    write('acme', { weight: 3 });
    await seconds(1);
    isAway = true;
    write('acme', { weight: 5 });
    await seconds(200);
    expect(tenants.of('acme').weight).toBe(3);
    isAway = false;
    await seconds(1);
    expect(tenants.of('acme').weight).toBe(5);
  });

  it('is read by a process that could not read it at its start', async () => {
    isAway = true;
    write('acme', { weight: 3 });
    await seconds(5);
    isAway = false;
    await seconds(1);
    expect(tenants.of('acme').weight).toBe(3);
  });
});

it('says which tenants are dedicated, and counts each change', async () => {
  write('acme', {});
  await tenants.prepare();
  const before = tenants.changes();
  expect(tenants.of('acme').isDedicated).toBe(false);
  write('acme', { dedicated: true });
  await seconds(11);
  expect(tenants.of('acme').isDedicated).toBe(true);
  expect(tenants.changes()).toBeGreaterThan(before);
  const after = tenants.changes();
  await seconds(30);
  expect(tenants.changes()).toBe(after);
});

it('tells nobody who has left', async () => {
  const left: string[] = [];
  tenants.onChange((tenant) => void left.push(tenant))();
  write('acme', { weight: 3 });
  await seconds(1);
  expect(told).toHaveLength(1);
  expect(left).toEqual([]);
});
