/** What a gateway lets a tenant do at a time, and what operators are told. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createKnownTenants, type KnownTenants } from '../../../../src/application/tenants/known-tenants.ts';
import { createQuotaAlarms } from '../../../../src/application/tenants/quota-alarms.ts';
import { createTenantLimits, type TenantLimits } from '../../../../src/application/tenants/tenant-limits.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { Tenant, TenantQuotas } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { createMemoryDocuments } from '../../../support/memory-documents.ts';

let clock: VirtualClock;
let known: KnownTenants;
let limits: TenantLimits;
let counted: Readonly<Record<string, string>>[];
let logged: unknown[];
let refusals: number;

beforeEach(() => {
  clock = createVirtualClock();
  [counted, logged, refusals] = [[], [], 0];
  const log = {
    debug: () => undefined,
    info: (fields: object) => void logged.push(fields),
    warn: (fields: object) => void logged.push(fields),
    error: () => undefined,
    child: () => log,
  };
  const add = (times: number, labels: Readonly<Record<string, string>> = {}): void => {
    counted.push(labels);
    if (labels['level'] === 'refused') refusals += times;
  };
  const telemetry = { counter: () => ({ add }) };
  known = createKnownTenants({ documents: createMemoryDocuments(), clock, log, mustBeMade: false });
  const alarms = createQuotaAlarms({ clock, log, telemetry });
  limits = createTenantLimits({ known, alarms, clock, random: () => 0 });
});

function make(quotas: TenantQuotas, more: Partial<Tenant> = {}): void {
  const plain = { name: 'acme', state: 'ACTIVE', description: '', createdAtMs: 0, creator: 'operator' } as const;
  known.keep({ ...plain, quotas, ...more });
}

function advance(ms: number): void {
  const target = clock.monotonicMs() + ms;
  while (clock.step(target));
}

function submitted(count: number): number {
  let accepted = 0;
  for (let n = 0; n < count; n += 1) {
    try {
      limits.takeSubmit('acme');
      accepted += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    }
  }
  return accepted;
}

function refusalOf(run: () => unknown): TroupeError {
  try {
    run();
  } catch (error) {
    if (error instanceof TroupeError) return error;
  }
  throw new Error('it was not refused');
}

describe('submits in a second', () => {
  it('are as many as the quota, with a burst of one second', () => {
    make({ submitsPerSecond: 10 });
    expect(submitted(25)).toBe(10);
    advance(500);
    expect(submitted(25)).toBe(5);
    advance(10_000);
    expect(submitted(25)).toBe(10);
    expect(limits.useOf('acme').submitsPerSecond).toBeGreaterThan(0);
  });

  it('never exceed the rate and one burst, in any second of an hour', () => {
    make({ submitsPerSecond: 7 });
    let accepted = 0;
    for (let ms = 0; ms < 3_600_000; ms += 250) {
      accepted += submitted(3);
      advance(250);
    }
    expect(accepted).toBeLessThanOrEqual(7 * 3_600 + 7);
    expect(accepted).toBeGreaterThan(7 * 3_600 - 7);
  });

  it('beyond it are told which quota it is, and when to come again', () => {
    make({ submitsPerSecond: 1 });
    submitted(1);
    const { metadata, retryAfterMs, retryable } = refusalOf(() => limits.takeSubmit('acme'));
    expect(metadata).toEqual({ quota: 'submitsPerSecond', limit: '1', used: '1' });
    expect([retryAfterMs, retryable]).toEqual([1_000, true]);
  });

  it('are refused many at a time once the quota is spent, which takes nothing of it', () => {
    make({ submitsPerSecond: 2 });
    expect(limits.refusalOf('acme', 50)).toBeUndefined();
    expect(submitted(2)).toBe(2);
    const refused = limits.refusalOf('acme', 50);
    expect(refused).toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: true });
    expect(refused?.metadata).toEqual({ quota: 'submitsPerSecond', limit: '2', used: '2' });
    expect(refusals).toBe(50);
    advance(500);
    expect(limits.refusalOf('acme', 50)).toBeUndefined();
    expect(submitted(2)).toBe(1);
  });

  it('that nobody makes are not refused, and nobody is told so', () => {
    make({ submitsPerSecond: 2 });
    submitted(2);
    const told = logged.length;
    expect(limits.refusalOf('acme', 0)).toBeUndefined();
    expect([refusals, logged.length]).toEqual([0, told]);
  });

  it('are never refused many at a time without the quota', () => {
    make({});
    submitted(1_000);
    expect(limits.refusalOf('acme', 50)).toBeUndefined();
    expect(limits.refusalOf('nobody', 50)).toBeUndefined();
  });

  it('are not counted of a tenant without the quota, and of nobody else', () => {
    make({});
    expect(submitted(100_000)).toBe(100_000);
    expect(limits.useOf('acme').submitsPerSecond).toBe(0);
    make({ submitsPerSecond: 1 });
    submitted(1);
    for (let n = 0; n < 10; n += 1) limits.takeSubmit('rival');
  });

  it('follow a quota that changes, and no burst comes from it', () => {
    make({ submitsPerSecond: 10 });
    submitted(10);
    make({ submitsPerSecond: 1_000 });
    expect(submitted(10)).toBe(0);
    advance(100);
    expect(submitted(1_000)).toBe(100);
    make({ submitsPerSecond: 2 });
    advance(60_000);
    expect(submitted(10)).toBe(2);
  });
});

describe('open streams', () => {
  it('are as many as the quota, and a closed one makes room once', () => {
    make({ streams: 2 });
    const [close] = [limits.openStream('acme'), limits.openStream('acme')];
    const { code, metadata, retryAfterMs } = refusalOf(() => limits.openStream('acme'));
    expect([code, metadata]).toEqual(['QUOTA_EXCEEDED', { quota: 'streams', limit: '2', used: '2' }]);
    expect(retryAfterMs).toBe(5_000);
    close();
    close();
    limits.openStream('acme');
    expect(() => limits.openStream('acme')).toThrow(TroupeError);
    expect(limits.useOf('acme').streams).toBe(2);
  });

  it('are counted of every tenant, by whatever name, so that a later quota knows of them', () => {
    for (const tenant of ['acme', '__proto__', 'toString']) limits.openStream(tenant);
    make({ streams: 1 });
    expect(() => limits.openStream('acme')).toThrow('its quota is 1');
    expect(['__proto__', 'toString', 'other'].map((name) => limits.useOf(name).streams)).toEqual([1, 1, 0]);
  });
});

describe('a tenant that is not active', () => {
  it('can submit nothing, and is told why', async () => {
    make({}, { state: 'PAUSED', pauseReason: 'bill' });
    const paused = refusalOf(() => limits.ensureMaySubmit('acme'));
    expect([paused.code, paused.retryable]).toEqual(['TENANT_PAUSED', false]);
    expect(paused.message).toBe('tenant acme is paused (bill): it can submit nothing now');
    for (const state of ['DELETING', 'DELETED'] as const) {
      make({}, { state });
      expect(refusalOf(() => limits.ensureMaySubmit('acme')).code).toBe('TENANT_DELETING');
    }
    await limits.ensureMaySubmit('other');
  });
});

describe('operators', () => {
  it('are told of 80 % once a minute, and of refusals, by a metric that names no tenant', () => {
    make({ submitsPerSecond: 10 });
    submitted(7);
    expect(counted).toEqual([]);
    submitted(3);
    expect(counted).toEqual([{ quota: 'submitsPerSecond', level: 'near' }]);
    submitted(2);
    const refused = { quota: 'submitsPerSecond', level: 'refused' };
    expect(counted.slice(1)).toEqual([refused, refused]);
    expect(logged).toEqual([
      { event: 'tenant.quota.near', tenant: 'acme', quota: 'submitsPerSecond', used: 8, limit: 10 },
      { event: 'tenant.quota.refused', tenant: 'acme', quota: 'submitsPerSecond', used: 10, limit: 10 },
    ]);
    advance(59_999);
    submitted(10);
    expect(logged).toHaveLength(2);
    advance(60_000);
    submitted(11);
    expect(logged).toHaveLength(4);
  });
});
