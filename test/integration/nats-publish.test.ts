import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import type { JobEvent, WorkMessage } from '../../src/application/ports/bus.ts';
import type { TroupeError } from '../../src/domain/errors.ts';
import { eventually, linkedAgain, startTestNats, testJobId, type TestNats } from '../support/nats.ts';
import { stopProcess } from '../support/stopped-process.ts';

function work(attempt = 0): WorkMessage {
  return {
    jobId: testJobId(),
    tenant: 'acme',
    queue: 'thumbs',
    attempt,
    epoch: 1,
    need: { handler: 'test.echo' },
    route: 'shared',
  };
}

function event(seq: number, jobId = testJobId()): JobEvent {
  return { jobId, seq, type: 'queued', tenant: 'acme', queue: 'thumbs', atMs: 1_795_428_476_591, data: { jobId, seq } };
}

describe('publisher', () => {
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

  const stored = async (stream: string): Promise<number> => (await jsm.streams.info(stream)).state.messages;

  test('stores a message once, however often it is published, alone and in batches', async () => {
    const bus = await nats.connect({ subjectRoot: 'dedupe', limits: { publishBatchFrom: 4 } });
    const once = work();
    await bus.publisher.publishWork(once);
    await bus.publisher.publishWork(once);
    expect(await stored('DEDUPE_WORK')).toBe(1);

    const group = [once, ...Array.from({ length: 20 }, () => work())];
    await Promise.all(group.map((message) => bus.publisher.publishWork(message)));
    await Promise.all(group.map((message) => bus.publisher.publishWork(message)));
    expect(await stored('DEDUPE_WORK')).toBe(21);

    await bus.publisher.publishWork({ ...once, epoch: 2 });
    expect(await stored('DEDUPE_WORK')).toBe(22);
  });

  test('a batch stores what is new in it, wherever it repeats what is known', async () => {
    const bus = await nats.connect({ subjectRoot: 'mixed', limits: { publishBatchFrom: 4 } });
    const known = Array.from({ length: 6 }, () => work());
    for (const message of known) await bus.publisher.publishWork(message);
    for (const [round, places] of [[0], [10], [29], [0, 1, 2], [13, 14, 28, 29]].entries()) {
      const batch = Array.from({ length: 30 }, () => work());
      places.forEach((place, index) => batch.splice(place, 1, known[index] ?? work()));
      await Promise.all(batch.map((message) => bus.publisher.publishWork(message)));
      const fresh = [29, 58, 87, 114, 140][round] ?? 0;
      expect(await stored('MIXED_WORK')).toBe(known.length + fresh);
    }
    await Promise.all(known.map((message) => bus.publisher.publishWork(message)));
    expect(await stored('MIXED_WORK')).toBe(known.length + 140);
  });

  test('two processes send batches into one stream at once: each message is stored once, each in its order', async () => {
    const buses = await Promise.all([1, 2].map(() => nats.connect({ subjectRoot: 'pair' })));
    const jobs = buses.map(() => testJobId());
    await Promise.all(
      buses.map((bus, index) =>
        Promise.all(Array.from({ length: 2_000 }, (_, seq) => bus.publisher.publishEvent(event(seq + 1, jobs[index])))),
      ),
    );
    const read = await readEvents(plain, 'PAIR_EVENTS', 4_000);
    for (const jobId of jobs) {
      const own = read.filter((message) => message.headers?.get('ce-subject') === jobId);
      const order = own.map((message) => Number(message.headers?.get('ce-sequence')));
      expect(order).toEqual(Array.from({ length: 2_000 }, (_, index) => index + 1));
    }
    expect(await stored('PAIR_EVENTS')).toBe(4_000);
  });

  test('a stream that somebody else has made, without batches, gets its messages one by one', async () => {
    await jsm.streams.add({ name: 'PLAIN_WORK', subjects: ['plain.work.>'] });
    const bus = await nats.connect({ subjectRoot: 'plain', limits: { publishBatchFrom: 4 } });
    const missing = { asset: 'PLAIN_WORK', field: 'allow_batched', wanted: 'true', found: '-' };
    expect(bus.differences()).toContainEqual(missing);
    for (const round of [1, 2]) {
      await Promise.all(Array.from({ length: 50 }, () => bus.publisher.publishWork(work())));
      expect(await stored('PLAIN_WORK')).toBe(50 * round);
    }
  });

  test('keeps the order of publishing, batches and single messages mixed', async () => {
    const bus = await nats.connect({ subjectRoot: 'order', limits: { publishBatchFrom: 8, publishesInFlight: 16 } });
    const jobId = testJobId();
    const all: Promise<void>[] = [];
    let seq = 0;
    for (const size of [1, 5, 30, 3, 900, 1, 2, 70]) {
      for (let index = 0; index < size; index += 1) all.push(bus.publisher.publishEvent(event((seq += 1), jobId)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    const read = await readEvents(plain, 'ORDER_EVENTS', seq);
    expect(read.map((message) => Number(message.headers?.get('ce-sequence')))).toEqual(
      Array.from({ length: seq }, (_, index) => index + 1),
    );
  });

  test('an event is a CloudEvent for a plain client: live with the job id, stored without', async () => {
    const bus = await nats.connect({ subjectRoot: 'cloud' });
    const jobId = testJobId();
    const live: Msg[] = [];
    plain.subscribe('cloud.events.acme.>', { callback: (_error, message) => void live.push(message) });
    await plain.flush();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await bus.publisher.publishEvent({ ...event(3, jobId), type: 'succeeded', traceparent });
    await eventually(() => live.length === 1);

    const [message] = live;
    expect(message?.subject).toBe(`cloud.events.acme.thumbs.succeeded.${jobId}`);
    const headers = Object.fromEntries([...(message?.headers ?? [])].map(([name, values]) => [name, values[0]]));
    expect(headers).toEqual({
      'Nats-Msg-Id': `${jobId}.3`,
      'ce-specversion': '1.0',
      'ce-id': `${jobId}.3`,
      'ce-source': '/cloud/acme/thumbs',
      'ce-type': 'dev.troupe.job.succeeded',
      'ce-subject': jobId,
      'ce-time': '2026-11-23T10:07:56.591Z',
      'ce-sequence': '0000000003',
      'ce-datacontenttype': 'application/json',
      'ce-traceparent': traceparent,
      traceparent,
    });
    expect(message?.json()).toEqual({ jobId, seq: 3 });
    const [kept] = await readEvents(plain, 'CLOUD_EVENTS', 1);
    expect(kept?.subject).toBe('cloud.events.acme.thumbs.succeeded');
    expect(kept?.headers?.get('ce-subject')).toBe(jobId);
  });

  test('a full WORK stream refuses with BACKLOG_FULL, in a batch each message for itself', async () => {
    const bus = await nats.connect({ subjectRoot: 'full', limits: { workMaxMessages: 10, publishBatchFrom: 4 } });
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => bus.publisher.publishWork(work())));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(10);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'BACKLOG_FULL' });
    }
    expect(await stored('FULL_WORK')).toBe(10);
  });

  test('past the bound of what may wait a publish is refused at once', async () => {
    const limits = { publishesInFlight: 4, publishesWaiting: 6, publishBatchFrom: 1_000 };
    const bus = await nats.connect({ subjectRoot: 'bound', limits });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => bus.publisher.publishWork(work())));
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      ...Array.from({ length: 6 }, () => 'fulfilled'),
      ...Array.from({ length: 14 }, () => 'rejected'),
    ]);
    expect((outcomes[19] as PromiseRejectedResult).reason).toMatchObject({ code: 'BACKLOG_FULL' });
  });

  test('kill -9 and restart while publishing: everything settles, everything confirmed is there', async () => {
    const bus = await nats.connect({ subjectRoot: 'crash' });
    const confirmed = new Set<string>();
    const refused: TroupeError[] = [];
    let seq = 0;
    let stop = false;
    const publishers = Array.from({ length: 200 }, async () => {
      while (!stop) {
        const next = event((seq += 1));
        try {
          await bus.publisher.publishEvent(next);
          confirmed.add(`${next.jobId}.${next.seq}`);
        } catch (error) {
          refused.push(error as TroupeError);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    });
    await eventually(() => confirmed.size > 1_000);
    const plainIsBack = linkedAgain(plain);
    await nats.kill();
    await eventually(() => !bus.health().connected);
    // Without waiting for anything: before the event loop turns once.
    const refusal = bus.publisher.publishWork(work()).catch((error: unknown) => error);
    const turn = new Promise((resolve) => setImmediate(resolve, 'still waiting'));
    expect(await Promise.race([refusal, turn])).toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    const before = confirmed.size;
    await nats.restart();
    await eventually(() => confirmed.size > before + 500);
    stop = true;
    await Promise.all(publishers);
    await plainIsBack;

    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error.code).toBe('BROKER_UNAVAILABLE');
    const total = await stored('CRASH_EVENTS');
    const ids = new Set(
      (await readEvents(plain, 'CRASH_EVENTS', total)).map((message) => message.headers?.get('ce-id')),
    );
    expect([...confirmed].filter((id) => !ids.has(id))).toEqual([]);
  });

  test('a frozen server: publishes and pulls end in their time, nothing is stored twice', async () => {
    const bus = await nats.connect({ subjectRoot: 'frozen', limits: { publishTimeoutMs: 300 } });
    await bus.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' });
    const message = work();
    await stopProcess(nats.pid());
    try {
      const pull = bus.work.pull({
        route: { tenant: 'acme', queue: 'thumbs' },
        batch: 1,
        expiresMs: 300,
        signal: new AbortController().signal,
      });
      await expect(bus.publisher.publishWork(message)).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
      expect(await pull).toEqual([]);
      const other = nats.connect({ subjectRoot: 'frozen', limits: { connectTimeoutMs: 300 } });
      await expect(other).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    } finally {
      process.kill(nats.pid(), 'SIGCONT');
    }
    // What was not confirmed may be lost: the streams are looked at before anything more is published.
    await eventually(() => bus.health().publishing);
    // Published again until it is confirmed, as its owner does: a slow server may need longer than it has here.
    for (let times = 0; times < 2; times += 1)
      await eventually(() =>
        bus.publisher.publishWork(message).then(
          () => true,
          () => false,
        ),
      );
    expect(await stored('FROZEN_WORK')).toBe(1);
  });

  test('after close everything is refused', async () => {
    const bus: NatsBus = await nats.connect({ subjectRoot: 'closed' });
    await bus.close();
    await expect(bus.publisher.publishWork(work())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await expect(bus.leases.acquire(1, 'a', 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

/** As any subscriber would: a consumer over the stored stream. */
async function readEvents(connection: NatsConnection, stream: string, count: number): Promise<Msg[]> {
  const consumer = await jetstream(connection).consumers.get(stream);
  const messages: Msg[] = [];
  for await (const message of await consumer.consume()) {
    messages.push(message as unknown as Msg);
    if (messages.length >= count) break;
  }
  return messages;
}
