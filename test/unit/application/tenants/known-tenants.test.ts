/** What a process knows of tenants, for how long, and what a store that is slow or away does to callers. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createKnownTenants, type KnownTenants } from '../../../../src/application/tenants/known-tenants.ts';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { DocumentTable } from '../../../support/memory-documents.ts';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

let clock: VirtualClock;
let table: DocumentTable;
let asked: string[];
/** Runs before the store answers. */
let before: () => Promise<void>;

beforeEach(() => {
  clock = createVirtualClock();
  table = new DocumentTable();
  asked = [];
  before = () => Promise.resolve();
});

function known(mustBeMade = false): KnownTenants {
  const findDocument = async (place: Parameters<DocumentTable['find']>[0]) => {
    asked.push(place.name);
    await before();
    return table.find(place);
  };
  return createKnownTenants({ documents: { findDocument }, clock, log, mustBeMade });
}

function tenant(name: string, state: Tenant['state'] = 'ACTIVE'): Tenant {
  return { name, state, description: '', quotas: {}, createdAtMs: 0, creator: 'operator' };
}

function write(made: Tenant): void {
  const place = tenantPlace(made.name);
  const present = table.find(place);
  if (present === undefined) table.create(place, tenantBody(made));
  else table.replace(place, { body: tenantBody(made), expectedRevision: present.revision });
}

function advance(ms: number): void {
  const target = clock.monotonicMs() + ms;
  while (clock.step(target));
}

const away = (): Promise<void> => Promise.reject(new TroupeError('STORE_UNAVAILABLE'));
const never = (): Promise<void> => new Promise(() => undefined);
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('while the store answers', () => {
  it.each([false, true])('asks once in 20 s for a tenant that was made (must be made: %s)', async (mustBeMade) => {
    write(tenant('acme'));
    const tenants = known(mustBeMade);
    expect(await tenants.find('acme')).toEqual(tenant('acme'));
    advance(19_999);
    expect(tenants.find('acme')).toEqual(tenant('acme'));
    expect(asked).toEqual(['acme']);
  });

  it('asks again beside a call from 20 s on, so that a used tenant makes nobody wait', async () => {
    write(tenant('acme'));
    const tenants = known();
    await tenants.find('acme');
    write(tenant('acme', 'PAUSED'));
    advance(20_000);
    expect(tenants.find('acme')).toEqual(tenant('acme'));
    await settled();
    expect(tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
    expect(asked).toEqual(['acme', 'acme']);
  });

  it('lets a change count within 30 s, also of a tenant that nobody used meanwhile', async () => {
    write(tenant('acme'));
    const tenants = known();
    await tenants.find('acme');
    write(tenant('acme', 'PAUSED'));
    advance(30_000);
    expect(await tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
  });

  it('believes for 5 s that nobody made a tenant that must be made', async () => {
    const tenants = known(true);
    expect(await tenants.find('acme')).toBeUndefined();
    write(tenant('acme'));
    advance(4_999);
    expect(tenants.find('acme')).toBeUndefined();
    advance(1);
    expect(await tenants.find('acme')).toEqual(tenant('acme'));
  });

  it('believes like any other answer that nobody made a tenant that need not be made', async () => {
    const tenants = known();
    expect(await tenants.find('acme')).toBeUndefined();
    advance(19_999);
    expect(tenants.find('acme')).toBeUndefined();
    expect(asked).toEqual(['acme']);
    write(tenant('acme', 'PAUSED'));
    advance(10_001);
    expect(await tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
  });

  it('asks once for all who wait', async () => {
    write(tenant('acme'));
    const tenants = known();
    expect(await Promise.all([tenants.find('acme'), tenants.find('acme')])).toHaveLength(2);
    expect(asked).toEqual(['acme']);
  });

  it('keeps what this process wrote, also against an answer that was asked for before', async () => {
    write(tenant('acme'));
    const tenants = known();
    let answer = (): void => undefined;
    before = () => new Promise((resolve) => (answer = resolve));
    const asking = tenants.find('acme');
    advance(1);
    tenants.keep(tenant('acme', 'PAUSED'));
    answer();
    await asking;
    expect(tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
  });

  it('takes names of what every object has for names like all others', async () => {
    const tenants = known();
    for (const name of ['__proto__', 'toString', 'constructor', 'hasOwnProperty']) {
      expect(await tenants.find(name)).toBeUndefined();
      expect(tenants.lastSeen(name)).toBeUndefined();
      write(tenant(name, 'PAUSED'));
      tenants.keep(tenant(name, 'PAUSED'));
      expect(tenants.find(name)).toEqual(tenant(name, 'PAUSED'));
    }
  });

  it('forgets the oldest answer beyond 10,000 tenants', async () => {
    const tenants = known();
    for (let n = 0; n <= 10_000; n += 1) tenants.keep(tenant(`t${n}`));
    expect(tenants.find('t1')).toEqual(tenant('t1'));
    expect(await tenants.find('t0')).toBeUndefined();
    expect(asked).toEqual(['t0']);
  });
});

describe('names that were made up', () => {
  it('push out no tenant, and are bounded as well', async () => {
    const tenants = known();
    tenants.keep(tenant('acme', 'PAUSED'));
    for (let n = 0; n <= 10_000; n += 1) await tenants.find(`made-up-${n}`);
    before = away;
    advance(30_000);
    expect(await tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
    await expect(tenants.find('made-up-0')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await tenants.find('made-up-1')).toBeUndefined();
  });

  it('one that is made later counts as made', async () => {
    const tenants = known();
    await tenants.find('acme');
    tenants.keep(tenant('acme', 'PAUSED'));
    expect(tenants.find('acme')).toEqual(tenant('acme', 'PAUSED'));
  });
});

describe('while the store is slow or away', () => {
  it('waits 250 ms at most for a tenant that is known, and then for nothing while the store is slow', async () => {
    write(tenant('acme'));
    const tenants = known();
    await tenants.find('acme');
    advance(30_000);
    before = never;
    const first = tenants.find('acme');
    advance(250);
    expect(await first).toEqual(tenant('acme'));
    expect(tenants.find('acme')).toEqual(tenant('acme'));
    expect(asked).toEqual(['acme', 'acme']);
  });

  it.each([false, true])(
    'lets the last answer count for an hour, and then fails (must be made: %s)',
    async (mustBeMade) => {
      write(tenant('acme'));
      const tenants = known(mustBeMade);
      await tenants.find('acme');
      before = away;
      advance(30_000);
      expect(await tenants.find('acme')).toEqual(tenant('acme'));
      // It has just failed.
      expect(tenants.find('acme')).toEqual(tenant('acme'));
      advance(3_569_999);
      expect(await tenants.find('acme')).toEqual(tenant('acme'));
      advance(1);
      await expect(tenants.find('acme')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    },
  );

  it('asks once a second while it fails', async () => {
    write(tenant('acme'));
    const tenants = known();
    await tenants.find('acme');
    before = away;
    advance(30_000);
    await tenants.find('acme');
    advance(999);
    expect(tenants.find('acme')).toEqual(tenant('acme'));
    expect(asked).toHaveLength(2);
    advance(1);
    await tenants.find('acme');
    expect(asked).toHaveLength(3);
  });

  it('lets nobody in for whom no answer counts', async () => {
    before = away;
    await expect(known().find('acme')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const strict = known(true);
    before = () => Promise.resolve();
    expect(await strict.find('acme')).toBeUndefined();
    before = away;
    advance(5_000);
    await expect(strict.find('acme')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('asks for 64 tenants at a time, and refuses more until it knows them', () => {
    const tenants = known();
    tenants.keep(tenant('acme'));
    advance(30_000);
    before = never;
    for (let n = 0; n < 64; n += 1) void tenants.find(`t${n}`);
    expect(() => tenants.find('other')).toThrow('too many tenants are being looked up');
    expect(tenants.lastSeen('other')).toBeUndefined();
    // One that is known stays so.
    expect(tenants.find('acme')).toEqual(tenant('acme'));
  });
});

describe('without waiting', () => {
  it('says what it last saw, and asks for more', async () => {
    write(tenant('acme', 'PAUSED'));
    const tenants = known();
    expect(tenants.lastSeen('acme')).toBeUndefined();
    await settled();
    expect(tenants.lastSeen('acme')).toEqual(tenant('acme', 'PAUSED'));
    write(tenant('acme'));
    advance(7_200_000);
    expect(tenants.lastSeen('acme')).toEqual(tenant('acme', 'PAUSED'));
    await settled();
    expect(tenants.lastSeen('acme')).toEqual(tenant('acme'));
  });
});
