import { connect, type NatsConnection } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliveriesOf } from '../../src/adapters/nats/ack-subject.ts';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import type { WorkDelivery, WorkMessage } from '../../src/application/ports/bus.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { eventually, startTestNats, testJobId, type TestNats } from '../support/nats.ts';

const thumbs = { tenant: 'acme', queue: 'thumbs' };

describe('work source', () => {
  let nats: TestNats;
  let plain: NatsConnection;

  beforeAll(async () => {
    nats = await startTestNats();
    plain = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  });
  afterAll(async () => {
    await plain.close();
    await nats.stop();
  });

  async function open(subjectRoot: string, limits = {}): Promise<NatsBus> {
    const bus = await nats.connect({ subjectRoot, limits });
    await bus.work.ensureRoute(thumbs);
    return bus;
  }

  async function publish(
    bus: NatsBus,
    count: number,
    to: Pick<WorkMessage, 'need' | 'route'> = { need: { handler: 'test.echo' }, route: 'shared' },
  ): Promise<JobId[]> {
    const ids = Array.from({ length: count }, () => testJobId());
    await Promise.all(ids.map((jobId) => bus.publisher.publishWork({ ...thumbs, attempt: 0, epoch: 7, jobId, ...to })));
    return ids;
  }

  function pull(bus: NatsBus, batch: number, expiresMs: number, signal?: AbortSignal) {
    return bus.work.pull({
      route: thumbs,
      batch,
      expiresMs,
      signal: signal ?? new AbortController().signal,
    });
  }

  const idsOf = (deliveries: readonly WorkDelivery[]): JobId[] => deliveries.map((one) => one.message.jobId);

  test('hands out what is there at once, in order, never more than asked', async () => {
    const bus = await open('there');
    const ids = await publish(bus, 5);
    const startMs = performance.now();
    const first = await pull(bus, 3, 20_000);
    const second = await pull(bus, 10, 20_000);
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(idsOf(first)).toEqual(ids.slice(0, 3));
    expect(idsOf(second)).toEqual(ids.slice(3));
    expect(first[0]).toMatchObject({
      message: { jobId: ids[0], tenant: 'acme', queue: 'thumbs', attempt: 0, epoch: 7 },
      deliveries: 1,
    });
  });

  test('waits for the first messages and resolves with them, long before it expires', async () => {
    const bus = await open('waits');
    const waiting = pull(bus, 10, 20_000);
    await eventually(async () => (await waitingPulls('WAITS_WORK')) === 1);
    const startMs = performance.now();
    const ids = await publish(bus, 1);
    expect(idsOf(await waiting)).toEqual(ids);
    expect(performance.now() - startMs).toBeLessThan(20_000);
  });

  test('resolves empty when nothing comes, not before the time and not long after', async () => {
    const bus = await open('empty');
    const startMs = performance.now();
    expect(await pull(bus, 5, 600)).toEqual([]);
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(450);
    expect(await pull(bus, 5, 0)).toEqual([]);
  });

  test('an acknowledged message is gone, one given back comes again at once and counts', async () => {
    const bus = await open('acks');
    const [first, second] = await publish(bus, 2);
    const deliveries = await pull(bus, 2, 20_000);
    bus.publisher.acknowledge(deliveries[0]?.ackTo ?? '');
    bus.work.release(deliveries[1]?.ackTo ?? '');
    const [again] = await pull(bus, 2, 20_000);
    expect(again).toMatchObject({ message: { jobId: second }, deliveries: 2 });
    bus.publisher.acknowledge(again?.ackTo ?? '');
    await eventually(async () => (await messages('ACKS_WORK')) === 0);
    expect(first).not.toBe(second);
  });

  test('a steady stream of messages given back with a delay does not keep any of them from coming again', async () => {
    const bus = await open('later', { ackWaitMs: 20_000 });
    let fresh = 5_000;
    await publish(bus, fresh);
    let again = 0;
    // As long as there are new ones, the stream does not end. A slow machine needs longer to get through them.
    while (again <= 20 && fresh > 0) {
      const [one] = await pull(bus, 1, 0);
      if (one === undefined) continue;
      if (one.deliveries > 1) again += 1;
      else fresh -= 1;
      bus.work.release(one.ackTo, 200);
    }
    expect(again).toBeGreaterThan(20);
  });

  test('what waits to be given back goes back at once when the bus closes', async () => {
    const bus = await open('leaving', { ackWaitMs: 120_000 });
    const other = await nats.connect({ subjectRoot: 'leaving' });
    const ids = await publish(bus, 3);
    const taken = await pull(bus, 3, 20_000);
    expect(idsOf(taken)).toEqual(ids);
    for (const { ackTo } of taken) bus.work.release(ackTo, 60_000);
    expect(await pull(other, 3, 0)).toEqual([]);
    await bus.close();
    const got = new Set<string>();
    await eventually(async () => {
      for (const id of idsOf(await pull(other, 3, 500))) got.add(id);
      return got.size === 3;
    });
    expect([...got].sort()).toEqual([...ids].sort());
  });

  test('a message that nobody acknowledges comes again after the ack wait', async () => {
    const bus = await open('redeliver', { ackWaitMs: 500 });
    const ids = await publish(bus, 1);
    expect(idsOf(await pull(bus, 1, 20_000))).toEqual(ids);
    const [again] = await pull(bus, 1, 20_000);
    expect(again).toMatchObject({ message: { jobId: ids[0] }, deliveries: 2 });
  });

  test('after an abort nothing is kept: what arrives late goes to the next pull or back', async () => {
    const bus = await open('abort', { ackWaitMs: 60_000 });
    const other = await nats.connect({ subjectRoot: 'abort' });
    const abort = new AbortController();
    const waiting = pull(bus, 3, 30_000, abort.signal);
    await eventually(async () => (await waitingPulls('ABORT_WORK')) === 1);
    abort.abort();
    expect(await waiting).toEqual([]);
    // The server still holds the request of the aborted pull and may deliver to it.
    const ids = await publish(bus, 6);
    const got = new Set<string>();
    await eventually(async () => {
      for (const id of idsOf(await pull(other, 6, 500))) got.add(id);
      return got.size === ids.length;
    });
    expect([...got].sort()).toEqual([...ids].sort());
    expect(await pull(bus, 1, 0, AbortSignal.abort())).toEqual([]);
  });

  test('many pulls of one queue share the messages, each message goes to one', async () => {
    const bus = await open('share');
    const other = await nats.connect({ subjectRoot: 'share' });
    const pulls = [bus, other, bus, other].map((one) => pull(one, 10, 3_000));
    const ids = await publish(bus, 30);
    const got = (await Promise.all(pulls)).flatMap(idsOf);
    await eventually(async () => {
      if (got.length < ids.length) got.push(...idsOf(await pull(bus, 30, 1_000)));
      return got.length >= ids.length;
    });
    expect([...got].sort()).toEqual([...ids].sort());
  });

  test('what is not a job is removed, and the jobs behind it come through', async () => {
    const bus = await open('garbage');
    plain.publish('garbage.work.acme.thumbs.2', 'not json');
    plain.publish('garbage.work.acme.thumbs.2', '{"jobId":"../etc","attempt":0,"generation":0}');
    await plain.flush();
    const ids = await publish(bus, 1);
    const got = await eventuallyOne(() => pull(bus, 5, 500));
    expect(got.message.jobId).toBe(ids[0]);
    bus.publisher.acknowledge(got.ackTo);
    await eventually(async () => (await messages('GARBAGE_WORK')) === 0);
  });

  test('a consumer that was deleted is made again by the pull that misses it', async () => {
    const bus = await open('deleted');
    const ids = await publish(bus, 1);
    const jsm = await jetstreamManager(plain);
    await jsm.consumers.delete('DELETED_WORK', 'acme=thumbs=2');
    expect(idsOf(await pull(bus, 1, 20_000))).toEqual(ids);
  });

  test('routes tells what waits in each, what is taken and not acknowledged included', async () => {
    const bus = await open('depth');
    const need = { handler: 'image.thumb-nail', version: '>=1.4' };
    await publish(bus, 7);
    await publish(bus, 2, { need, route: 'handler' });
    await publish(bus, 1, { need: { handler: 'image.thumb-nail' }, route: 'handler' });
    const [first] = await pull(bus, 2, 20_000);
    bus.publisher.acknowledge(first?.ackTo ?? '');
    await eventually(async () => (await bus.work.routes()).some(({ messages }) => messages === 6));
    const seen = await bus.work.routes();
    expect([...seen].sort((a, b) => b.messages - a.messages)).toEqual([
      { ...thumbs, messages: 6 },
      { ...thumbs, need, messages: 2 },
      { ...thumbs, need: { handler: 'image.thumb-nail' }, messages: 1 },
    ]);
  });

  test('a handler route is pulled by itself, and a message moves to it without being taken for a repetition', async () => {
    const bus = await open('own');
    const need = { handler: 'image.thumb-nail', version: '1.4.0' };
    const [jobId] = await publish(bus, 1, { need, route: 'shared' });
    const [main] = await pull(bus, 5, 20_000);
    expect(main?.message).toMatchObject({ jobId, need, route: 'shared' });
    if (main === undefined) throw new Error('nothing came');
    await bus.publisher.publishWork({ ...main.message, route: 'handler' });
    bus.publisher.acknowledge(main.ackTo);
    const route = { ...thumbs, need };
    await bus.work.ensureRoute(route);
    const { signal } = new AbortController();
    const [own, ...more] = await bus.work.pull({ route, batch: 5, expiresMs: 20_000, signal });
    expect(own?.message).toMatchObject({ jobId, need, route: 'handler' });
    expect(more).toEqual([]);
    expect(await pull(bus, 5, 0)).toEqual([]);
  });

  test('the consumer of a handler route goes when nobody pulls, its messages stay and are found by the next pull', async () => {
    const bus = await open('idle', { handlerRouteIdleMs: 300 });
    const need = { handler: 'image.thumb-nail' };
    const ids = await publish(bus, 1, { need, route: 'handler' });
    const route = { ...thumbs, need };
    await bus.work.ensureRoute(route);
    const jsm = await jetstreamManager(plain);
    await eventually(async () => (await jsm.consumers.list('IDLE_WORK').next()).length === 1, 20_000);
    const { signal } = new AbortController();
    expect(idsOf(await bus.work.pull({ route, batch: 1, expiresMs: 10_000, signal }))).toEqual(ids);
  });

  test('a consumer that was removed takes no message with it, and whoever pulls makes it anew', async () => {
    const bus = await open('removed');
    const ids = await publish(bus, 1);
    await bus.work.removeRoute(thumbs);
    await bus.work.removeRoute(thumbs);
    const jsm = await jetstreamManager(plain);
    expect(await jsm.consumers.list('REMOVED_WORK').next()).toEqual([]);
    expect(idsOf(await pull(bus, 1, 10_000))).toEqual(ids);
  });

  test('a lost link rejects open pulls at once; after the restart the same messages come', async () => {
    const bus = await open('crash', { ackWaitMs: 500 });
    await pull(bus, 1, 0);
    const waiting = expect(pull(bus, 1, 30_000)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await nats.kill();
    await waiting;
    await expect(pull(bus, 1, 30_000)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    bus.publisher.acknowledge('$JS.ACK.CRASH_WORK.acme=thumbs=2.1.1.1.1.0');
    await nats.restart();
    await eventually(() => bus.health().publishing);
    const ids = await publish(bus, 3);
    expect(idsOf(await pull(bus, 3, 20_000))).toEqual(ids);
  });

  test('the delivery count is read from both layouts of the ack subject', () => {
    expect(deliveriesOf('$JS.ACK.S.C.3.10.11.1795428476591359710.0')).toBe(3);
    expect(deliveriesOf('$JS.ACK._.hash.S.C.4.10.11.1795428476591359710.0')).toBe(4);
    expect(deliveriesOf('$JS.ACK.domain.hash.S.C.5.10.11.1795428476591359710.0.token')).toBe(5);
  });

  async function messages(stream: string): Promise<number> {
    return (await (await jetstreamManager(plain)).streams.info(stream)).state.messages;
  }

  async function waitingPulls(stream: string): Promise<number> {
    return (await (await jetstreamManager(plain)).consumers.info(stream, 'acme=thumbs=2')).num_waiting;
  }

  async function eventuallyOne(attempt: () => Promise<readonly WorkDelivery[]>): Promise<WorkDelivery> {
    let found: WorkDelivery | undefined;
    await eventually(async () => {
      [found] = await attempt();
      return found !== undefined;
    });
    if (found === undefined) throw new Error('nothing came');
    return found;
  }
});
