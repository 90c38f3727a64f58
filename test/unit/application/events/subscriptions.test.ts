/** Event subscriptions: their bounds, and how their consumers come back in line after a crash at any step. */
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSubscriptionUpkeep } from '../../../../src/application/events/subscription-upkeep.ts';
import {
  createManageSubscriptions,
  type CreateSubscription,
} from '../../../../src/application/events/manage-subscriptions.ts';
import type { CallContext } from '../../../../src/application/ports/call-context.ts';
import type { DocumentStore } from '../../../../src/application/ports/document-store.ts';
import { subscriptionsMaxWith } from '../../../../src/domain/event-subscription.ts';
import { callerWith } from '../../../support/callers.ts';
import { MemoryConsumers } from '../../../support/memory-consumers.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock } from '../manual-clock.ts';

class Crash extends Error {}

let consumers: MemoryConsumers;
let documents: DocumentStore;
let steps: number;
let crashAt: number | undefined;

/** A crash comes after a step that was done. */
async function step<T>(act: () => Promise<T>): Promise<T> {
  const done = await act();
  steps += 1;
  if (crashAt === steps) throw new Crash();
  return done;
}

beforeEach(fresh);

function fresh(): void {
  const store = createMemoryDocuments(new DocumentTable());
  [steps, crashAt, consumers] = [0, undefined, new MemoryConsumers()];
  consumers.made.set('TROUPE_EVENTS_1', { created: 'first', consumers: new Map() });
  documents = {
    ...store,
    createDocument: (...args) => step(() => store.createDocument(...args)),
    replaceDocument: (...args) => step(() => store.replaceDocument(...args)),
    removeDocument: (...args) => step(() => store.removeDocument(...args)),
  };
}

const manual = createManualClock();
const clock = { ...manual, setTimer: manual.setTimer };
const parts = () => ({ documents, consumers, clock, randomBytes, log: silentLog });
const manage = () => createManageSubscriptions(parts());
const contextOf = (tenant: string): CallContext => ({
  tenant,
  principal: callerWith(['events.manage']),
  requestId: 'r',
});
const acme = contextOf('acme');

const request: CreateSubscription = {
  name: 'billing',
  description: '',
  queues: [],
  events: [],
  startAtMs: undefined,
  ackWaitMs: undefined,
  maxAckPending: 0,
  maxDeliver: 0,
  idleMaxMs: undefined,
};

const oneOf = { after: '', most: 1 };

/** Of a subscription that is gone. */
const wantedOld = {
  tenant: 'old',
  consumer: 'old=all='.padEnd(40, '0'),
  description: '',
  queues: [],
  events: [],
  ackWaitMs: 1,
  maxAckPending: 1,
  idleMaxMs: 1,
};

/** Names of the consumers on each stream. */
const made = (): readonly (readonly string[])[] =>
  [...consumers.made.values()].map((stream) => [...stream.consumers.keys()].sort());

describe('a subscription', () => {
  it.each(['billing', '__proto__', 'toString', 'constructor', 'a'.repeat(64)])('may be called %s', async (name) => {
    const { consumer, subjects } = await manage().create(acme, { ...request, name });
    expect(consumer).toMatch(new RegExp(`^acme=${name}=[0-9a-f]{32}$`, 'u'));
    expect(subjects).toEqual(['troupe.events.acme.*.*']);
    expect(made()).toEqual([[consumer], [consumer]]);
    expect((await manage().get(acme, name)).backlog).toHaveLength(2);
    expect((await manage().list(acme)).map((view) => view.subscription.name)).toEqual([name]);
    await expect(manage().create(acme, { ...request, name })).rejects.toMatchObject({ code: 'SUBSCRIPTION_EXISTS' });
    await manage().remove(acme, name);
    expect(made()).toEqual([[], []]);
    await expect(manage().get(acme, name)).rejects.toMatchObject({ code: 'SUBSCRIPTION_NOT_FOUND' });
  });

  it.each([
    ['name', { name: '' }],
    ['name', { name: '>' }],
    ['name', { name: '*' }],
    ['name', { name: 'a.b' }],
    ['name', { name: 'a=b' }],
    ['name', { name: 'a b' }],
    ['name', { name: 'a'.repeat(65) }],
    ['queues[1]', { queues: ['a', '>'] }],
    ['queues[0]', { queues: ['other.queue'] }],
    ['queues', { queues: Array.from({ length: 17 }, (_, index) => `q${index}`) }],
    ['events[0]', { events: [undefined] }],
    ['events', { events: Array.from({ length: 10 }, () => 'failed' as const) }],
    ['description', { description: 'x'.repeat(257) }],
    ['start_time', { startAtMs: -1 }],
    ['start_time', { startAtMs: 253_402_300_800_000 }],
    ['start_time', { startAtMs: Number.NaN }],
    ['ack_wait', { ackWaitMs: 999 }],
    ['max_ack_pending', { maxAckPending: 10_001 }],
    ['max_deliver', { maxDeliver: 1_001 }],
    ['idle_timeout', { idleMaxMs: 3_599_999 }],
    ['idle_timeout', { idleMaxMs: 31 * 24 * 3_600_000 }],
  ])('is refused for its %s: %j', async (field, wrong) => {
    const refused = manage().create(acme, { ...request, ...wrong });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', violations: [{ field }] });
    expect(made()).toEqual([[], []]);
  });

  it('reads the queues and events that it names, and no others', async () => {
    const { subjects } = await manage().create(acme, {
      ...request,
      queues: ['b', 'a', 'b'],
      events: ['failed', 'succeeded', 'failed'],
    });
    expect(subjects).toEqual([
      'troupe.events.acme.a.succeeded',
      'troupe.events.acme.a.failed',
      'troupe.events.acme.b.succeeded',
      'troupe.events.acme.b.failed',
    ]);
  });

  it('of another tenant is missing, whatever the names', async () => {
    await manage().create(contextOf('acme-b'), request);
    await manage().create(contextOf('acm'), request);
    await expect(manage().get(acme, 'billing')).rejects.toMatchObject({ code: 'SUBSCRIPTION_NOT_FOUND' });
    await expect(manage().remove(acme, 'billing')).rejects.toMatchObject({ code: 'SUBSCRIPTION_NOT_FOUND' });
    expect(await manage().list(acme)).toEqual([]);
  });

  it('is one of 20 of a tenant, and of as many in the cluster as its streams bear', async () => {
    for (let n = 0; n < 20; n += 1) await manage().create(acme, { ...request, name: `s${n}` });
    const refused = manage().create(acme, { ...request, name: 'one-more' });
    await expect(refused).rejects.toMatchObject({ code: 'LIMIT_REACHED', metadata: { limit: '20', used: '20' } });
    await expect(manage().create(acme, { ...request, name: 's3' })).rejects.toMatchObject({
      code: 'SUBSCRIPTION_EXISTS',
    });
    expect([1, 2, 4, 32].map(subscriptionsMaxWith)).toEqual([500, 500, 250, 31]);
    for (let n = 2; n < 32; n += 1) consumers.made.set(`TROUPE_EVENTS_${n}`, { created: 'x', consumers: new Map() });
    for (let n = 0; n < 11; n += 1) await manage().create(contextOf(`t${n}`), request);
    await expect(manage().create(contextOf('late'), request)).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
      metadata: { limit: '31' },
    });
  });
});

describe('many at once', () => {
  it('of one tenant do not pass its limit together', async () => {
    const gateway = manage();
    const calls = Array.from({ length: 60 }, (_, n) => gateway.create(acme, { ...request, name: `s${n}` }));
    const ends = await Promise.allSettled(calls);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    const refused = ends.find(({ status }) => status === 'rejected');
    expect(refused).toMatchObject({ reason: { code: 'LIMIT_REACHED' } });
  });

  it('that have passed the limit of the cluster keep their consumers, however many there are', async () => {
    const more = (n: number) => contextOf(`t${String(n).padStart(4, '0')}`);
    await manage().create(more(0), request);
    const [first] = await documents.listDocuments({ collection: 'event-subscriptions', scope: 'cluster' }, oneOf);
    const body = JSON.parse(first?.body ?? '') as { readonly tenant: string };
    for (let n = 1; n < 1_100; n += 1) {
      const { tenant } = more(n);
      const place = { collection: 'event-subscriptions', scope: 'cluster', name: `${tenant}=billing` } as const;
      await documents.createDocument(place, JSON.stringify({ ...body, tenant, streams: {} }));
    }
    const one = createSubscriptionUpkeep(parts());
    await one.look();
    await one.look();
    expect(made().map(({ length }) => length)).toEqual([1_100, 1_100]);
  });
});

describe('the upkeep', () => {
  const upkeep = () => createSubscriptionUpkeep(parts());

  it('finishes what a crash at any step of a creation left', async () => {
    await manage().create(acme, request);
    const most = steps + consumers.made.size;
    for (let at = 1; at <= most; at += 1) {
      fresh();
      let calls = 0;
      // Before each stream, and after each write of the record.
      consumers.before = () => {
        calls += 1;
        if (calls === at - 1) throw new Crash();
      };
      crashAt = at === 1 ? 1 : at === most ? 2 : undefined;
      await expect(manage().create(acme, request), `crash ${at}`).rejects.toThrow(Crash);
      consumers.before = () => undefined;
      await upkeep().look();
      const { consumer, backlog } = await manage().get(acme, 'billing');
      expect([made(), backlog.length], `crash ${at}`).toEqual([[[consumer], [consumer]], 2]);
    }
  });

  it('removes what a crash at any step of a removal left', async () => {
    for (const at of ['TROUPE_EVENTS', 'TROUPE_EVENTS_1']) {
      fresh();
      await manage().create(acme, request);
      await manage().create(contextOf('other'), request);
      consumers.before = (_step, stream) => {
        if (stream === at) throw new Crash();
      };
      await expect(manage().remove(acme, 'billing')).rejects.toThrow(Crash);
      consumers.before = () => undefined;
      await upkeep().look();
      const { consumer } = await manage().get(contextOf('other'), 'billing');
      expect(made()).toEqual([[consumer], [consumer]]);
    }
  });

  it('gives a subscription a consumer on a stream that was added, or that JetStream has lost', async () => {
    const { consumer } = await manage().create(acme, request);
    consumers.made.set('TROUPE_EVENTS_2', { created: 'later', consumers: new Map() });
    consumers.made.set('TROUPE_EVENTS', { created: 'again', consumers: new Map() });
    await upkeep().look();
    expect(made()).toEqual([[consumer], [consumer], [consumer]]);
    // All of JetStream.
    for (const name of [...consumers.made.keys()]) consumers.made.set(name, { created: 'new', consumers: new Map() });
    await upkeep().look();
    await upkeep().look();
    expect(made()).toEqual([[consumer], [consumer], [consumer]]);
  });

  it('gives it the consumer of one stream back, as long as somebody reads from another', async () => {
    const { consumer } = await manage().create(acme, request);
    consumers.made.get('TROUPE_EVENTS_1')?.consumers.clear();
    consumers.waiting = 1;
    await upkeep().look();
    expect(made()).toEqual([[consumer], [consumer]]);
  });

  it('ends a subscription that JetStream has let go, when it has seen it twice', async () => {
    const { consumer } = await manage().create(acme, request);
    const one = upkeep();
    consumers.lose(consumer);
    await one.look();
    expect(await manage().list(acme)).toHaveLength(1);
    await one.look();
    expect(await manage().list(acme)).toHaveLength(0);
    expect(made()).toEqual([[], []]);
  });

  it('ends one whose consumers JetStream lets go one after the other', async () => {
    await manage().create(acme, request);
    const one = upkeep();
    for (const stream of consumers.made.values()) {
      stream.consumers.clear();
      await one.look();
    }
    await one.look();
    expect(await manage().list(acme)).toHaveLength(0);
    expect(made()).toEqual([[], []]);
  });

  it('goes on with the others if one of them fails, and says so', async () => {
    await manage().create(contextOf('aaa'), request);
    const { consumer } = await manage().create(acme, request);
    consumers.lose(consumer);
    consumers.made.set('TROUPE_EVENTS', { created: 'again', consumers: new Map([[wantedOld.consumer, wantedOld]]) });
    const ensure = consumers.ensure.bind(consumers);
    consumers.ensure = (wanted, streams) => {
      if (wanted.tenant === 'aaa') throw new RangeError('Invalid time value');
      return ensure(wanted, streams);
    };
    await expect(upkeep().look()).rejects.toThrow(RangeError);
    expect(made()[0]).toEqual([consumer]);
  });

  it('leaves alone what is not of a subscription, and what was made anew under the same name', async () => {
    for (const { consumers: all } of consumers.made.values()) {
      const hand = { tenant: '', consumer: '', description: '', queues: [], events: [] };
      all.set('billing', { ...hand, ackWaitMs: 1, maxAckPending: 1, idleMaxMs: 1 });
      all.set('a=b', { ...hand, ackWaitMs: 1, maxAckPending: 1, idleMaxMs: 1 });
    }
    await manage().create(acme, request);
    await manage().remove(acme, 'billing');
    const { consumer } = await manage().create(acme, request);
    await upkeep().look();
    expect(made()).toEqual([
      ['a=b', consumer, 'billing'],
      ['a=b', consumer, 'billing'],
    ]);
  });

  it('takes a consumer away again that it made while the subscription ended', async () => {
    await manage().create(acme, request);
    consumers.made.set('TROUPE_EVENTS_2', { created: 'later', consumers: new Map() });
    let ended: Promise<void> | undefined;
    consumers.before = (what) => {
      if (what === 'ensure') ended ??= manage().remove(acme, 'billing');
    };
    await upkeep().look();
    await ended;
    expect(made()).toEqual([[], [], []]);
  });
});
