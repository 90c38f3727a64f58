/**
 * A cluster of three nats-servers, streams with one replica. The server with the stream of events loses its power while
 * this process is connected to another one: its link stays as it is, and others publish past what was lost. Or it is away.
 */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectNats, type ConnectNatsOptions, type NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { natsNames } from '../../src/adapters/nats/names.ts';
import type { JobEvent } from '../../src/application/ports/bus.ts';
import { VitalSigns } from '../../src/application/cluster/vital-signs.ts';
import { eventually, natsTestClock, natsTestLog, natsTestTelemetry, testJobId } from '../support/nats.ts';
import { type NatsCluster, startNatsCluster } from '../support/nats-cluster.ts';

let cluster: NatsCluster;
const buses: NatsBus[] = [];

beforeEach(async () => {
  cluster = await startNatsCluster();
});
afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
  await cluster.stop();
});

async function connectTo(server: string, more: Partial<ConnectNatsOptions> = {}): Promise<NatsBus> {
  const bus = await connectNats({
    servers: [cluster.urlOf(server)],
    name: 'test',
    limits: { identityCheckMs: 8_000 },
    clock: natsTestClock,
    log: natsTestLog,
    telemetry: natsTestTelemetry,
    ...more,
  });
  buses.push(bus);
  return bus;
}

const event = (): JobEvent => ({
  jobId: testJobId(),
  seq: 1,
  type: 'queued',
  atMs: Date.now(),
  data: {},
  tenant: 'default',
  queue: 'default',
});

it('is in doubt, though the stream has more messages than ever', async () => {
  await connectTo('a');
  const leader = (await cluster.leaderOf('TROUPE_EVENTS')) ?? '';
  const other = cluster.servers.find((server) => server !== leader) ?? '';
  const { publisher, events, health } = await connectTo(other);
  await publisher.publishEvent(event());
  await cluster.copyStore(leader);
  for (let n = 0; n < 5; n += 1) await publisher.publishEvent(event());
  let doubts = 0;
  publisher.onDoubt(() => (doubts += 1));
  const server = health().server;
  await cluster.losePower(leader);
  const connection = await connect({ servers: cluster.urlOf(other) });
  const js = jetstream(connection, { timeout: 1_000 });
  let last = 0;
  await eventually(async () => {
    const confirmed = await js.publish('troupe.events.default.default.queued.x', '{}').catch(() => undefined);
    last = confirmed?.seq ?? last;
    return last > 20;
  });
  await connection.close();
  await publisher.publishEvent(event()).catch(() => undefined);
  await eventually(() => doubts > 0, 40_000);
  expect([doubts, health().server]).toEqual([1, server]);
  await eventually(() => health().publishing);
  await publisher.publishEvent(event());
  const [log] = events.of({ tenant: 'default', queue: 'default' });
  expect((await log?.bounds())?.last).toBeGreaterThan(20);
});

it('knows without publishing anything that a stream is away, and that it is back', async () => {
  await connectTo('a');
  const leader = (await cluster.leaderOf('TROUPE_EVENTS')) ?? '';
  const other = cluster.servers.find((server) => server !== leader) ?? '';
  const vitals = new VitalSigns(natsTestClock);
  const { health } = await connectTo(other, { vitals, limits: { identityCheckMs: 1_000, apiTimeoutMs: 1_000 } });
  const signs = (): readonly string[] => vitals.troubles().map(({ sign }) => sign);
  await eventually(() => signs().length === 0 && health().publishing);
  await cluster.kill(leader);
  await eventually(() => signs().includes('streams'), 20_000);
  expect(health().connected).toBe(true);
  cluster.start(leader);
  await eventually(() => !signs().includes('streams'), 30_000);
});

it('stores an event in one of its streams only, on all replicas alike, though all streams hear it', async () => {
  const { publisher, differences } = await connectTo('b', { replicas: 3, eventStreams: 3 });
  const queues = Array.from({ length: 30 }, (_, n) => `queue-${n}`);
  const events = Array.from({ length: 600 }, (_, n) => ({ ...event(), queue: queues[n % 30] ?? '' }));
  for (const _ of [1, 2]) await Promise.all(events.map((one) => publisher.publishEvent(one)));
  const connection = await connect({ servers: cluster.urlOf('c') });
  const { streams } = await jetstreamManager(connection);
  const counts = [];
  for (const name of natsNames('troupe', 3).eventsStreams) {
    await eventually(async () => {
      const { cluster: replicas } = await streams.info(name);
      return replicas?.replicas?.length === 2 && replicas.replicas.every(({ current, lag }) => current && !lag);
    });
    const { state } = await streams.info(name);
    counts.push([state.messages, state.last_seq]);
  }
  await connection.close();
  const wanted = [0, 1, 2].map((n) => {
    const mine = queues.filter((queue) => natsNames('troupe', 3).eventHomes('default', queue).at(-1) === n).length * 20;
    return [mine, mine];
  });
  expect(counts).toEqual(wanted);
  expect(differences()).toEqual([]);
});
