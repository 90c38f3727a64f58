/** The deletion of a tenant, with a crash before and after each of its steps: another call goes on, and leaves nothing. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createDeleteTenant, type DeletionStep } from '../../../../src/application/cluster/delete-tenant.ts';
import { subscriptionBody, subscriptionPlace } from '../../../../src/application/events/subscription-documents.ts';
import { fingerprintKeyPlace } from '../../../../src/application/sealing/fingerprint-keys.ts';
import { createKnownTenants } from '../../../../src/application/tenants/known-tenants.ts';
import { createManageTenants } from '../../../../src/application/tenants/manage-tenants.ts';
import { tenantBody, tenantOf, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import { createTenantRoom, notesPlace } from '../../../../src/application/tenants/tenant-room.ts';
import {
  accountBody,
  accountPlace,
  keyPlace,
  ownerBody,
} from '../../../../src/application/access/account-documents.ts';
import type { ReadContext } from '../../../../src/application/ports/call-context.ts';
import type { DocumentStore } from '../../../../src/application/ports/document-store.ts';
import type { Clock } from '../../../../src/application/ports/runtime.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { defaultQueueSettings } from '../../../../src/domain/queue.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { callerWith } from '../../../support/callers.ts';
import { MemoryConsumers } from '../../../support/memory-consumers.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { noJobs, noLimits } from '../../../support/open-tenants.ts';
import { memoryQuarantines } from '../../../support/queue-marks.ts';
import { StoreExtras } from '../../../support/simulation/store-extras.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

const dayMs = 24 * 3_600_000;
/** One that is to be deleted, and a rival whose things have the same names. */
const tenants = ['acme', 'rival'];
const queueNames = ['__proto__', 'default', 'toString'];
const accountNames = ['billing', 'constructor'];
const subscriptionNames = ['__proto__', 'toString'];

class Crash extends Error {}

let manual: ManualClock;
let clock: Clock;
let table: DocumentTable;
let queues: StoreExtras;
/** Unfinished jobs by tenant and queue. */
let jobs: Map<string, number>;
let consumers: MemoryConsumers;
let quarantines: ReturnType<typeof memoryQuarantines>;
/** How often a queue still has jobs that are being cancelled. */
let busy: number;
/** The steps of all calls so far, and where they break off. */
let steps: number;
let crashAt: { readonly step: number; readonly when: 'before' | 'after' } | undefined;

/** Something that a crash may come before, or after. */
async function step<T>(act: () => T | Promise<T>): Promise<T> {
  steps += 1;
  const isHere = crashAt?.step === steps;
  if (isHere && crashAt?.when === 'before') throw new Crash();
  const done = await act();
  if (isHere) throw new Crash();
  return done;
}

function stepping(store: DocumentStore): DocumentStore {
  return {
    createDocument: (...args) => step(() => store.createDocument(...args)),
    findDocument: (...args) => step(() => store.findDocument(...args)),
    listDocuments: (...args) => step(() => store.listDocuments(...args)),
    replaceDocument: (...args) => step(() => store.replaceDocument(...args)),
    removeDocument: (...args) => step(() => store.removeDocument(...args)),
  };
}

beforeEach(fill);

function fill(): void {
  manual = createManualClock();
  // Nobody else moves it, so a sleeper moves it.
  clock = {
    ...manual,
    setTimer(ms, fire) {
      const cancel = manual.setTimer(ms, fire);
      setImmediate(() => manual.advance(ms));
      return cancel;
    },
  };
  [table, queues, quarantines] = [new DocumentTable(), new StoreExtras(), memoryQuarantines()];
  jobs = new Map();
  consumers = new MemoryConsumers();
  [steps, crashAt, busy] = [0, undefined, 0];
  for (const tenant of tenants) fillTenant(tenant);
}

function fillTenant(name: string): void {
  const nowMs = clock.wallMs();
  const tenant: Tenant = {
    name,
    state: 'ACTIVE',
    description: 'of the test',
    quotas: { queues: 10, serviceAccounts: 10 },
    createdAtMs: nowMs,
    creator: 'operator',
  };
  table.create(tenantPlace(name), tenantBody(tenant));
  table.create(notesPlace(name, 'queues'), JSON.stringify({ version: 1, notes: [] }));
  table.create(fingerprintKeyPlace(name), '{}');
  for (const queue of queueNames) {
    queues.createQueue({ tenant: name, name: queue, settings: defaultQueueSettings, nowMs });
    jobs.set(`${name}/${queue}`, 2);
  }
  void quarantines.put({ tenant: name, queue: 'default', reason: 'because', sinceMs: nowMs });
  for (const subscription of subscriptionNames) {
    const made = {
      tenant: name,
      name: subscription,
      description: '',
      mark: `${'0'.repeat(31)}1`,
      queues: [],
      events: [],
    };
    const bounds = { ackWaitMs: 30_000, maxAckPending: 1, idleMaxMs: dayMs, createdAtMs: nowMs, creator: 'operator' };
    table.create(subscriptionPlace(made), subscriptionBody({ ...made, ...bounds, streams: {} }));
    const consumer = `${name}=${subscription}=${made.mark}`;
    consumers.made.get('TROUPE_EVENTS')?.consumers.set(consumer, { ...made, ...bounds, consumer });
  }
  for (const account of accountNames) {
    const id = `${name}${account}`;
    const key = { id, digest: 'x', createdAtMs: nowMs, creator: 'operator', expiresAtMs: nowMs + dayMs };
    const made = { tenant: name, name: account, roles: ['viewer'], description: '', createdAtMs: nowMs };
    table.create(accountPlace(made), accountBody({ ...made, creator: 'operator', keys: [key] }));
    table.create(keyPlace(id), ownerBody({ digest: 'x', tenant: name, account }));
  }
}

/** All that is anywhere of a tenant, but for its record. */
function leftOf(tenant: string): readonly string[] {
  const left = [...queues.queues.keys(), ...jobs.keys()].filter((key) => key.startsWith(`${tenant}/`));
  const scopes = [
    { collection: 'service-accounts', scope: tenant },
    { collection: 'tenants', scope: 'notes' },
    { collection: 'event-subscriptions', scope: 'cluster' },
    ...tenants.flatMap((name) => accountNames.map((account) => keyPlace(`${name}${account}`))),
  ] as const;
  const documents = new Set(
    scopes.flatMap((scope) => table.list(scope, { after: '', most: 100 })).map(({ name }) => name),
  );
  const own = [...documents].filter((name) => name.startsWith(tenant) || accountNames.includes(name));
  const accounts = table.list({ collection: 'service-accounts', scope: tenant }, { after: '', most: 100 });
  const key = table.find(fingerprintKeyPlace(tenant)) === undefined ? [] : ['the key of its fingerprints'];
  const others = own.filter((name) => !accountNames.includes(name) || accounts.length > 0);
  return [
    ...left,
    ...others,
    ...key,
    ...queueNames.flatMap((queue) => quarantines.of(tenant, queue).map(() => 'a mark')),
  ].sort();
}

function recordOf(name: string): Tenant | undefined {
  const document = table.find(tenantPlace(name));
  return document && tenantOf(document);
}

function deletion() {
  const documents = stepping(createMemoryDocuments(table));
  return createDeleteTenant({
    documents,
    known: { keep: () => undefined },
    queues: { listQueues: (tenant) => step(() => queues.listQueues(tenant)) },
    consumers: { remove: (consumer) => step(() => consumers.remove(consumer)) },
    quarantines: { of: quarantines.of, clear: (...args) => step(() => quarantines.clear(...args)) },
    clock,
    log: silentLog,
    async *cancelJobs({ tenant }, { queue, filter }) {
      expect(filter.states).not.toContain('CANCELLING');
      const key = `${tenant}/${queue}`;
      if (!queues.queues.has(key)) throw new TroupeError('QUEUE_NOT_FOUND');
      // Job by job, as a crash may come between two.
      while (jobs.has(key)) {
        await step(() => {
          const left = (jobs.get(key) ?? 0) - 1;
          if (left === 0) jobs.delete(key);
          else jobs.set(key, left);
        });
        yield { done: 1, refused: 0, failures: [], pageToken: '' };
      }
    },
    deleteQueue: ({ tenant }, queue) =>
      step(() => {
        const key = `${tenant}/${queue}`;
        if (busy > 0) {
          busy -= 1;
          throw new TroupeError('QUEUE_NOT_EMPTY');
        }
        if (jobs.has(key)) throw new TroupeError('QUEUE_NOT_EMPTY');
        if (!queues.queues.delete(key)) throw new TroupeError('QUEUE_NOT_FOUND');
      }),
  });
}

const context: ReadContext = {
  tenant: 'default',
  principal: { ...callerWith(['cluster.admin']), onlyIn: new Map([['jobs.manage', ['x']]]) },
  requestId: 'r',
  reserve: () => undefined,
};

async function run(name = 'acme'): Promise<readonly DeletionStep[]> {
  const seen: DeletionStep[] = [];
  for await (const one of deletion()(context, name)) seen.push(one);
  return seen;
}

const untouched = () => ({ left: leftOf('rival'), record: recordOf('rival') });

describe('deleting a tenant', () => {
  it('leaves nothing but a record with its name, and of another tenant everything', async () => {
    const rival = untouched();
    const before = clock.wallMs();
    const seen = await run();
    expect(leftOf('acme')).toEqual([]);
    expect(untouched()).toEqual(rival);
    expect(rival.left.length).toBeGreaterThan(8);
    expect(recordOf('acme')).toMatchObject({ state: 'DELETED', quotas: {} });
    expect(seen.at(-1)).toEqual({ phase: 'done', queue: '', jobsCancelled: 6, queuesDeleted: 3, accountsDeleted: 2 });
    expect(new Set(seen.map(({ phase }) => phase))).toEqual(new Set(['queues', 'accounts', 'settling', 'done']));
    // Until then a gateway may have let its callers in.
    expect(clock.wallMs() - before).toBeGreaterThanOrEqual(45_000);
  });

  it.each(['before', 'after'] as const)('goes on after a crash %s any of its steps', async (when) => {
    await run();
    const most = steps;
    expect(most).toBeGreaterThan(60);
    for (let at = 1; at <= most; at += 1) {
      fill();
      const rival = untouched();
      crashAt = { step: at, when };
      await expect(run(), `crash ${when} step ${at}`).rejects.toThrow(Crash);
      const { state } = recordOf('acme') ?? {};
      // Nothing is taken away of a tenant that can still be used.
      if (state === 'ACTIVE') expect(leftOf('acme').length).toBe(rival.left.length);
      else expect(['DELETING', 'DELETED']).toContain(state);
      const seen = await run();
      expect(seen.at(-1)?.phase).toBe('done');
      expect([leftOf('acme'), recordOf('acme')?.state], `crash ${when} step ${at}`).toEqual([[], 'DELETED']);
      expect(untouched()).toEqual(rival);
    }
  });

  it('finds what a gateway that did not know of it made meanwhile', async () => {
    const begun = deletion()(context, 'acme');
    let late = false;
    for await (const { phase } of begun) {
      if (phase !== 'settling' || late) continue;
      late = true;
      queues.createQueue({ tenant: 'acme', name: 'late', settings: defaultQueueSettings, nowMs: clock.nowMs() });
      jobs.set('acme/late', 1);
    }
    expect(leftOf('acme')).toEqual([]);
    expect(recordOf('acme')?.state).toBe('DELETED');
  });

  it('removes the consumers of its event subscriptions, and those of nobody else', async () => {
    await run();
    const left = [...(consumers.made.get('TROUPE_EVENTS')?.consumers.keys() ?? [])];
    expect(left.map((consumer) => consumer.split('=').slice(0, 2))).toEqual(
      subscriptionNames.map((name) => ['rival', name]),
    );
  });

  it('waits for jobs that are being cancelled', async () => {
    busy = 3;
    const seen = await run();
    expect(busy).toBe(0);
    expect(leftOf('acme')).toEqual([]);
    expect(seen.at(-1)).toMatchObject({ phase: 'done', queuesDeleted: 3, jobsCancelled: 6 });
  });

  it('ends when nobody waits for it, and leaves the tenant DELETING', async () => {
    const left = new AbortController();
    const begun = deletion()({ ...context, signal: left.signal }, 'acme');
    await expect(
      (async () => {
        for await (const { phase } of begun) if (phase === 'settling') left.abort(new TroupeError('CALL_CANCELLED'));
      })(),
    ).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    expect(recordOf('acme')?.state).toBe('DELETING');
  });

  it('refuses the default tenant, and one that nobody made', async () => {
    await expect(run('default')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [expect.objectContaining({ field: 'name' })],
    });
    for (const name of ['other', '__proto__', 'toString'])
      await expect(run(name)).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND', metadata: { tenant: name } });
    await expect(run('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('looks through a deleted tenant again', async () => {
    await run();
    queues.createQueue({ tenant: 'acme', name: 'late', settings: defaultQueueSettings, nowMs: clock.nowMs() });
    const until = recordOf('acme')?.nameTakenUntilMs;
    expect((await run()).at(-1)).toMatchObject({ phase: 'done', queuesDeleted: 1 });
    expect(leftOf('acme')).toEqual([]);
    expect(recordOf('acme')?.nameTakenUntilMs).toBe(until);
  });
});

describe('the name of a deleted tenant', () => {
  it('is free after a year, when nothing of it can be kept any more', async () => {
    await run();
    const documents = createMemoryDocuments(table);
    const known = createKnownTenants({ documents, clock, log: silentLog, mustBeMade: false });
    const stores = { documents, known, queues: { listQueues: async () => [] } };
    const manage = createManageTenants({ ...stores, limits: noLimits, stats: noJobs, clock });
    const create = () => manage.create(context, { name: 'acme', description: 'again', quotas: {} });
    manual.advance(365 * dayMs - 1);
    await expect(create()).rejects.toMatchObject({ code: 'TENANT_EXISTS' });
    manual.advance(1);
    expect((await create()).tenant).toMatchObject({ name: 'acme', state: 'ACTIVE', description: 'again' });
    expect(await manage.get(context, 'acme')).toMatchObject({ tenant: { state: 'ACTIVE' } });
    expect(recordOf('acme')).not.toHaveProperty('nameTakenUntilMs');
  });
});

describe('room for tenants', () => {
  it('comes back when the names of deleted ones are free, and of no other', async () => {
    const documents = createMemoryDocuments(table);
    const known = createKnownTenants({ documents, clock, log: silentLog, mustBeMade: false });
    const stores = { documents, known, queues: { listQueues: async () => [] } };
    const manage = createManageTenants({ ...stores, limits: noLimits, stats: noJobs, clock });
    const create = (name: string) => manage.create(context, { name, description: '', quotas: {} });
    const gone = (nameTakenUntilMs: number): string =>
      tenantBody({ ...(recordOf('rival') ?? expect.fail()), state: 'DELETED', nameTakenUntilMs });
    table.create(tenantPlace('free'), gone(clock.wallMs()));
    for (let n = 0; n < 10_000 - 3; n += 1) table.create(tenantPlace(`t${n}`), gone(clock.wallMs() + 1_000_000));
    await create('new');
    expect([recordOf('free'), recordOf('t0')?.state, recordOf('acme')?.state]).toEqual([
      undefined,
      'DELETED',
      'ACTIVE',
    ]);
    await expect(create('another')).rejects.toMatchObject({ code: 'LIMIT_REACHED', metadata: { quota: 'tenants' } });
  });
});

describe('a tenant that is being deleted', () => {
  it('gets nothing new, whatever a gateway remembers of it', async () => {
    crashAt = { step: 8, when: 'before' };
    await expect(run()).rejects.toThrow(Crash);
    const documents = createMemoryDocuments(table);
    const alarms = { admitted: () => undefined, refused: () => undefined };
    const room = createTenantRoom({ documents, alarms, clock });
    const making = { tenant: 'acme', quota: 'queues', name: 'new', existing: async () => [] } as const;
    await expect(room.within(making, () => Promise.reject(new Error('made')))).rejects.toMatchObject({
      code: 'TENANT_DELETING',
    });
  });
});
