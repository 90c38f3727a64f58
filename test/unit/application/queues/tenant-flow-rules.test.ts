/** What holds the queues of a tenant back at the shards, and how soon a change of the tenant counts there. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { FlowRules } from '../../../../src/application/queues/flow-rules.ts';
import { createTenantFlowRules, type TenantFlowRules } from '../../../../src/application/queues/tenant-flow-rules.ts';
import { createWatchedTenants } from '../../../../src/application/tenants/watched-tenants.ts';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import type { FlowRule } from '../../../../src/domain/flow-rule.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { silentLog } from '../../../support/stores.ts';

let clock: VirtualClock;
let table: DocumentTable;
let reads: number;
let isAway: boolean;
let own: Map<string, FlowRule>;
let told: string[];
let rules: TenantFlowRules;
let tellRule: (tenant: string, queue: string) => void;

beforeEach(() => {
  clock = createVirtualClock();
  [table, reads, isAway, told] = [new DocumentTable(), 0, false, []];
  own = new Map();
  const queueRules: FlowRules = {
    prepare: () => Promise.resolve(),
    ruleOf: (tenant, queue) => own.get(`${tenant}/${queue}`),
    onChange(listener) {
      tellRule = listener;
      return () => undefined;
    },
  };
  const { listDocuments } = createMemoryDocuments(table);
  const documents = {
    listDocuments: (...args: Parameters<typeof listDocuments>) => {
      reads += 1;
      return isAway ? Promise.reject(new Error('away')) : listDocuments(...args);
    },
  };
  rules = createTenantFlowRules({
    rules: queueRules,
    tenants: createWatchedTenants({ documents, clock, log: silentLog }),
  });
  rules.onChange((tenant, queue = '*') => void told.push(`${tenant}/${queue}`));
});

function write(name: string, state: Tenant['state'], quotas: Tenant['quotas'] = {}): void {
  const tenant: Tenant = { name, state, description: '', quotas, createdAtMs: 0, creator: 'operator' };
  const place = tenantPlace(name);
  const present = table.find(place);
  if (present === undefined) table.create(place, tenantBody(tenant));
  else table.replace(place, { body: tenantBody(tenant), expectedRevision: present.revision });
}

/** A shard ticks each second. */
async function seconds(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    clock.step(clock.monotonicMs() + 1_000);
    rules.look();
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

describe('the rules of a shard', () => {
  it.each(['PAUSED', 'DELETING', 'DELETED'] as const)('hold back a tenant that is %s', async (state) => {
    own.set('acme/default', { maxRunning: 3 });
    own.set('rival/default', { maxRunning: 3 });
    write('acme', state);
    write('rival', 'ACTIVE');
    await rules.prepare();
    expect(rules.ruleOf('acme', 'default')).toEqual({ maxRunning: 3, paused: true });
    expect(rules.ruleOf('acme', 'default')).toBe(rules.ruleOf('acme', 'default'));
    expect(rules.ruleOf('rival', 'default')).toEqual({ maxRunning: 3 });
  });

  it('know the tenants before the shard serves, and do not begin without', async () => {
    isAway = true;
    await expect(rules.prepare()).rejects.toThrow('away');
    isAway = false;
    await rules.prepare();
    await rules.prepare();
    expect(reads).toBe(2);
  });

  it('follow a pause and its end within 30 s, and tell of the tenant', async () => {
    for (const queue of ['default', 'toString']) own.set(`acme/${queue}`, {});
    own.set('rival/default', {});
    write('acme', 'ACTIVE');
    await rules.prepare();
    for (const key of own.keys()) rules.ruleOf(...(key.split('/') as [string, string]));
    write('acme', 'PAUSED');
    await seconds(11);
    expect(rules.ruleOf('acme', 'toString')).toEqual({ paused: true });
    expect(told).toEqual(['acme/*']);
    write('acme', 'ACTIVE');
    await seconds(11);
    expect(rules.ruleOf('acme', 'toString')).toEqual({});
    expect(told).toEqual(['acme/*', 'acme/*']);
  });

  it('stay as they are while the store does not answer', async () => {
    own.set('acme/default', {});
    write('acme', 'PAUSED');
    await rules.prepare();
    write('acme', 'ACTIVE');
    isAway = true;
    await seconds(100);
    expect(rules.ruleOf('acme', 'default')).toEqual({ paused: true });
    isAway = false;
    await seconds(1);
    expect(rules.ruleOf('acme', 'default')).toEqual({});
  });

  it('ask the store once in 10 s, however many shards look', async () => {
    await rules.prepare();
    for (let n = 0; n < 100; n += 1) {
      await seconds(1);
      for (let shard = 0; shard < 8; shard += 1) rules.look();
    }
    expect(reads).toBe(11);
  });

  it('go through pages of 1,000 tenants', async () => {
    for (let n = 0; n < 1_000; n += 1) write(`a${n}`, 'ACTIVE');
    write('last', 'PAUSED');
    own.set('last/default', {});
    await rules.prepare();
    expect(reads).toBe(2);
    expect(rules.ruleOf('last', 'default')).toEqual({ paused: true });
  });

  it('have the limit of the tenant itself, and tell of the tenant when it changes', async () => {
    own.set('acme/default', {});
    write('acme', 'ACTIVE', { queues: 3 });
    await rules.prepare();
    for (const name of ['acme', 'toString', '__proto__']) expect(rules.limitOf(name)).toEqual({});
    rules.ruleOf('acme', 'default');
    write('acme', 'ACTIVE', { runningJobs: 3 });
    await seconds(11);
    expect(rules.limitOf('acme')).toEqual({ maxRunning: 3 });
    expect(rules.ruleOf('acme', 'default')).toEqual({});
    expect(told).toEqual(['acme/*']);
    write('acme', 'ACTIVE', { runningJobs: 3, queues: 5 });
    await seconds(11);
    expect(told).toEqual(['acme/*']);
    write('acme', 'ACTIVE');
    await seconds(11);
    expect(rules.limitOf('acme')).toEqual({});
    expect(told).toEqual(['acme/*', 'acme/*']);
  });

  it('know which tenants have a quota of stored bytes', async () => {
    write('acme', 'ACTIVE', { storedBytes: 10_000 });
    await rules.prepare();
    for (const name of ['rival', 'toString', '__proto__']) expect(rules.countsStored(name)).toBe(false);
    expect(rules.countsStored('acme')).toBe(true);
    write('acme', 'ACTIVE');
    await seconds(11);
    expect(rules.countsStored('acme')).toBe(false);
  });

  it('pass on what the queue itself has', async () => {
    await rules.prepare();
    expect(rules.ruleOf('acme', 'new')).toBeUndefined();
    tellRule('acme', 'new');
    expect(told).toEqual(['acme/new']);
  });
});
