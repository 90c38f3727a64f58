/**
 * Event subscriptions on a real nats-server: what their consumers hand out, with one stream of events and with many, and when
 * streams are added, lost, or nobody reads.
 */
import { randomBytes } from 'node:crypto';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { createSubscriptionUpkeep } from '../../src/application/events/subscription-upkeep.ts';
import { createManageSubscriptions } from '../../src/application/events/manage-subscriptions.ts';
import type { JobEvent } from '../../src/application/ports/bus.ts';
import type { CallContext } from '../../src/application/ports/call-context.ts';
import type { JobEventType } from '../../src/domain/job.ts';
import { callerWith } from '../support/callers.ts';
import { createMemoryDocuments, DocumentTable } from '../support/memory-documents.ts';
import { eventually, natsTestClock, natsTestLog, startTestNats, testJobId, type TestNats } from '../support/nats.ts';

let nats: TestNats;
let plain: NatsConnection;
let jsm: JetStreamManager;

beforeAll(async () => {
  nats = await startTestNats();
  plain = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  jsm = await jetstreamManager(plain);
});
afterAll(async () => {
  await plain.close();
  await nats.stop();
});

const unset = {
  description: '',
  queues: [],
  events: [],
  startAtMs: undefined,
  ackWaitMs: undefined,
  maxAckPending: 0,
  maxDeliver: 0,
  idleMaxMs: undefined,
};

/** A gateway's part in it, and the calls of a tenant. */
function gatewayOn(bus: NatsBus, table = new DocumentTable()) {
  const documents = createMemoryDocuments(table);
  const parts = { documents, consumers: bus.eventConsumers, clock: natsTestClock, randomBytes, log: natsTestLog };
  return { manage: createManageSubscriptions(parts), upkeep: createSubscriptionUpkeep(parts) };
}

const contextOf = (tenant: string): CallContext => ({
  tenant,
  principal: callerWith(['events.manage']),
  requestId: 'r',
});

function event(tenant: string, queue: string, type: JobEventType = 'queued'): JobEvent {
  const jobId = testJobId();
  const data = { jobId, seq: 1, handler: 'test.echo', state: 'QUEUED' };
  return { jobId, seq: 1, type, tenant, queue, atMs: Date.now(), data };
}

/** All that the consumer hands out now, by the job, acknowledged. */
async function read(streams: readonly string[], consumer: string): Promise<string[]> {
  const seen: string[] = [];
  for (const stream of streams) {
    const { num_pending: pending, num_ack_pending: again } = await jsm.consumers.info(stream, consumer);
    if (pending + again === 0) continue;
    const handle = await jetstream(plain).consumers.get(stream, consumer);
    for await (const message of await handle.fetch({ max_messages: pending + again, expires: 10_000 })) {
      seen.push(message.headers?.get('ce-subject') ?? '');
      await message.ackAck();
    }
  }
  return seen.sort();
}

const idsOf = (events: readonly JobEvent[]): string[] => events.map(({ jobId }) => jobId).sort();

describe.each([1, 3, 32])('with %i streams of events, a subscription', (eventStreams) => {
  const root = `s${eventStreams}`;
  let bus: NatsBus;
  let gateway: ReturnType<typeof gatewayOn>;

  beforeAll(async () => {
    bus = await nats.connect({ subjectRoot: root, eventStreams, limits: { eventsMaxBytes: 8 * 1024 ** 2 } });
    gateway = gatewayOn(bus);
  });

  it('hands out each event of its tenant once, whatever its queue, and none of another tenant', async () => {
    const { subscription, consumer } = await gateway.manage.create(contextOf('acme'), { ...unset, name: 'all' });
    const streams = Object.keys(subscription.streams);
    expect(streams).toHaveLength(eventStreams);
    const queues = Array.from({ length: 40 }, (_, n) => `queue-${n}`);
    const own = queues.map((queue) => event('acme', queue));
    const others = queues.flatMap((queue) => [event('acme-b', queue), event('acm', queue), event('rival', queue)]);
    await Promise.all([...own, ...others].map((one) => bus.publisher.publishEvent(one)));
    const { backlog } = await gateway.manage.get(contextOf('acme'), 'all');
    expect(backlog.reduce((sum, { pending }) => sum + pending, 0)).toBe(40);
    expect(await read(streams, consumer)).toEqual(idsOf(own));
    expect(await read(streams, consumer)).toEqual([]);
    // Less than the 2 minutes after which an account forgets where an answer goes.
    const { config } = await jsm.consumers.info(streams[0] ?? '', consumer);
    expect(config).toMatchObject({ max_waiting: 64, max_batch: 1_000, max_expires: 60_000_000_000 });
  });

  it('hands out the queues and events that it names, from the streams that may have them', async () => {
    const wanted = { queues: ['b', 'a'], events: ['failed', 'succeeded'] as const };
    const { subscription, consumer } = await gateway.manage.create(contextOf('acme'), {
      ...unset,
      name: 'some',
      ...wanted,
    });
    const streams = Object.keys(subscription.streams);
    expect(streams.length).toBeLessThanOrEqual(Math.max(1, eventStreams - 1));
    const all = ['a', 'b', 'c'].flatMap((queue) =>
      (['queued', 'failed', 'succeeded'] as const).map((type) => event('acme', queue, type)),
    );
    await Promise.all(all.map((one) => bus.publisher.publishEvent(one)));
    const mine = all.filter(({ queue, type }) => queue !== 'c' && type !== 'queued');
    expect(await read(streams, consumer)).toEqual(idsOf(mine));
  });

  it('begins where it is told to', async () => {
    await bus.publisher.publishEvent(event('late', 'a'));
    const startAtMs = Date.now() + 1;
    await eventually(() => Date.now() > startAtMs);
    const { subscription, consumer } = await gateway.manage.create(contextOf('late'), {
      ...unset,
      name: 'now',
      startAtMs,
    });
    const next = event('late', 'a');
    await bus.publisher.publishEvent(next);
    expect(await read(Object.keys(subscription.streams), consumer)).toEqual([next.jobId]);
  });

  it('is gone from every stream when it ends', async () => {
    const { consumer } = await gateway.manage.create(contextOf('acme'), { ...unset, name: 'gone' });
    await gateway.manage.remove(contextOf('acme'), 'gone');
    const left = (await bus.eventConsumers.look()).filter(({ consumers }) => consumers.has(consumer));
    expect(left).toEqual([]);
  });
});

it('follows events into streams that are added later, by a gateway that knows of them', async () => {
  const table = new DocumentTable();
  const small = { eventsMaxBytes: 8 * 1024 ** 2 };
  const before = await nats.connect({ subjectRoot: 'grows', eventStreams: 1, limits: small });
  const { consumer } = await gatewayOn(before, table).manage.create(contextOf('acme'), { ...unset, name: 'all' });
  const old = event('acme', 'queue-1');
  await before.publisher.publishEvent(old);
  const after = await nats.connect({ subjectRoot: 'grows', eventStreams: 8, limits: small });
  const events = Array.from({ length: 40 }, (_, n) => event('acme', `queue-${n}`));
  // Before anybody has made its consumers there: it misses nothing.
  await Promise.all(events.map((one) => after.publisher.publishEvent(one)));
  await gatewayOn(after, table).upkeep.look();
  const { subscription } = await gatewayOn(after, table).manage.get(contextOf('acme'), 'all');
  const streams = Object.keys(subscription.streams);
  expect(streams).toHaveLength(8);
  expect(await read(streams, consumer)).toEqual(idsOf([old, ...events]));
});

it('comes back when JetStream has lost everything', async () => {
  const bus = await nats.connect({ subjectRoot: 'lost' });
  const { manage, upkeep } = gatewayOn(bus);
  const { consumer } = await manage.create(contextOf('acme'), { ...unset, name: 'all' });
  await jsm.streams.delete('LOST_EVENTS');
  await eventually(() =>
    jsm.streams.info('LOST_EVENTS').then(
      () => true,
      () => false,
    ),
  );
  await upkeep.look();
  const one = event('acme', 'a');
  await bus.publisher.publishEvent(one);
  expect(await read(['LOST_EVENTS'], consumer)).toEqual([one.jobId]);
});

it('ends when nobody has read from it for its idle time, and its record goes after JetStream has let it go', async () => {
  const bus = await nats.connect({ subjectRoot: 'idle' });
  const table = new DocumentTable();
  const { manage, upkeep } = gatewayOn(bus, table);
  const { consumer } = await manage.create(contextOf('acme'), { ...unset, name: 'all' });
  // An hour is the least that a call may ask for.
  await jsm.consumers.update('IDLE_EVENTS', consumer, { inactive_threshold: 500_000_000 });
  await eventually(async () => (await bus.eventConsumers.look())[0]?.consumers.size === 0);
  await upkeep.look();
  await upkeep.look();
  expect(await manage.list(contextOf('acme'))).toEqual([]);
});

it('says when it cannot be made, and is made once NATS is back', async () => {
  const bus = await nats.connect({ subjectRoot: 'away' });
  const { manage, upkeep } = gatewayOn(bus);
  await nats.kill();
  await eventually(() => !bus.health().connected);
  const refused = manage.create(contextOf('acme'), { ...unset, name: 'all' });
  await expect(refused).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  await nats.restart();
  await eventually(() => bus.health().connected && bus.health().publishing);
  await upkeep.look();
  const { backlog } = await manage.get(contextOf('acme'), 'all');
  expect(backlog.map(({ stream }) => stream)).toEqual(['AWAY_EVENTS']);
});
