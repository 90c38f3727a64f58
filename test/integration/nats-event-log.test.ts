/** The kept events as a log, on a real server: pages, filters, bounds, news, a stream that was lost, and nothing left behind. */
import { connect, type NatsConnection, RequestError } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import type { JobEvent } from '../../src/application/ports/bus.ts';
import type { EventLog } from '../../src/application/ports/event-log.ts';
import { eventually, roundTrip, startTestNats, testJobId, type TestNats } from '../support/nats.ts';

const thumbs = { tenant: 'acme', queue: 'thumbs' };
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

function happened(queue: string, seq: number, jobId = testJobId()): JobEvent {
  const [type, state] = seq === 1 ? (['queued', 'QUEUED'] as const) : (['succeeded', 'SUCCEEDED'] as const);
  const data = { jobId, seq, handler: 'test.echo', state };
  return { jobId, seq, type, tenant: 'acme', queue, atMs: 1_795_428_476_591, data };
}

function logOf(bus: NatsBus): EventLog {
  const [log, ...others] = bus.events.of(thumbs);
  if (log === undefined || others.length > 0) throw new Error('one stream has one log');
  return log;
}

async function publish(bus: NatsBus, events: readonly JobEvent[]): Promise<void> {
  for (const event of events) await bus.publisher.publishEvent(event);
}

describe('event log', () => {
  test('gives the events of one queue, page by page, from any position, or those of one type', async () => {
    const bus = await nats.connect({ subjectRoot: 'pages' });
    expect(await logOf(bus).bounds()).toMatchObject({ first: 1, last: 0 });
    const mine = Array.from({ length: 25 }, (_, n) => happened('thumbs', 1 + (n % 2)));
    for (const event of mine) await publish(bus, [event, happened('other', 1)]);
    expect(await logOf(bus).bounds()).toMatchObject({ first: 1, last: 50 });

    const seen = [];
    for (let after = 0; ;) {
      const { events, end } = await logOf(bus).read(thumbs, { after, max: 10 });
      seen.push(...events);
      if (end === undefined) break;
      after = end.position;
    }
    const wanted = mine.map(({ jobId, seq, data }, n) => {
      const mark = expect.stringMatching(/^\d{14,}$/) as string;
      return { position: 2 * n + 1, jobId, seq, handler: 'test.echo', state: data['state'], mark };
    });
    expect(seen).toEqual(wanted);
    expect(await logOf(bus).read(thumbs, { after: 49, max: 10 })).toEqual({ events: [] });
    const { events: ends } = await logOf(bus).read({ ...thumbs, type: 'succeeded' }, { after: 0, max: 100 });
    expect(ends).toEqual(wanted.filter(({ state }) => state === 'SUCCEEDED'));
    await bus.close();
  });

  test('marks each event, and says the same mark whoever asks for it in whatever way', async () => {
    const bus = await nats.connect({ subjectRoot: 'marks' });
    expect((await logOf(bus).bounds()).lastMark).toBe('');
    expect(await logOf(bus).markAt(1)).toBeUndefined();
    await publish(bus, [happened('thumbs', 1), happened('thumbs', 1)]);
    const marks = (await logOf(bus).read(thumbs, { after: 0, max: 10 })).events.map(({ mark }) => mark);
    expect(new Set(marks).size).toBe(2);
    expect([await logOf(bus).markAt(1), await logOf(bus).markAt(2)]).toEqual(marks);
    expect((await logOf(bus).bounds()).lastMark).toBe(marks[1]);
    await bus.close();
  });

  test('calls back once, at the next event of the queue, until told to stop', async () => {
    const bus = await nats.connect({ subjectRoot: 'news' });
    let [calls, stopped, ends] = [0, 0, 0];
    bus.events.onNext({ ...thumbs, type: 'succeeded' }, () => (ends += 1));
    bus.events.onNext(thumbs, () => (calls += 1));
    bus.events.onNext(thumbs, () => (stopped += 1))();
    await roundTrip(bus);
    await publish(bus, [happened('other', 1), happened('thumbs', 1), happened('thumbs', 1)]);
    await eventually(() => calls > 0);
    await roundTrip(bus);
    expect([calls, stopped, ends]).toEqual([1, 0, 0]);
    await publish(bus, [happened('thumbs', 2)]);
    await eventually(() => ends === 1);
    await bus.close();
  });

  test('leaves no subscription and no consumer behind', async () => {
    const bus = await nats.connect({ subjectRoot: 'clean' });
    await publish(bus, [happened('thumbs', 1)]);
    const inboxes: string[] = [];
    const spy = plain.subscribe('$JS.API.DIRECT.GET.>', {
      callback: (_error, { reply }) => void inboxes.push(reply ?? ''),
    });
    await plain.flush();
    for (const after of [0, 1]) await logOf(bus).read(thumbs, { after, max: 10 });
    await plain.flush();
    spy.unsubscribe();
    expect(inboxes).toHaveLength(2);
    // It has said that it listens there no more.
    await roundTrip(bus);
    for (const inbox of inboxes) {
      await expect(plain.request(inbox, '', { timeout: 30_000 })).rejects.toSatisfy(hasNoResponders);
    }
    const { state } = await (await jetstreamManager(plain)).streams.info('CLEAN_EVENTS');
    expect(state.consumer_count).toBe(0);
    await bus.close();
  });

  test('passes over what is no event of ours', async () => {
    const bus = await nats.connect({ subjectRoot: 'strange' });
    plain.publish('strange.events.acme.thumbs.queued.x', '{');
    plain.publish('strange.events.acme.thumbs.queued.y', 'null');
    await plain.flush();
    const event = happened('thumbs', 1);
    await publish(bus, [event]);
    const own = { jobId: event.jobId, position: 3 };
    expect(await logOf(bus).read(thumbs, { after: 0, max: 10 })).toMatchObject({ events: [own], end: { position: 3 } });
    const strange = await logOf(bus).read(thumbs, { after: 0, max: 2 });
    expect(strange).toMatchObject({ events: [], end: { position: 2 } });
    expect(strange.end?.mark).toBe(await logOf(bus).markAt(2));
    await bus.close();
  });

  test('that was lost begins anew under another identity, and meanwhile rejects BROKER_UNAVAILABLE', async () => {
    const bus = await nats.connect({ subjectRoot: 'lost', limits: { identityCheckMs: 200 } });
    await publish(bus, [happened('thumbs', 1), happened('thumbs', 1)]);
    const before = await logOf(bus).bounds();
    await nats.kill();
    await expect(logOf(bus).bounds()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await expect(logOf(bus).read(thumbs, { after: 0, max: 1 })).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
    });
    await nats.restart({ wipe: true });
    await eventually(async () => {
      const bounds = await logOf(bus)
        .bounds()
        .catch(() => undefined);
      return bounds !== undefined && bounds.log !== before.log && bounds.last === 0;
    }, 20_000);
    await bus.close();
  });
});

function hasNoResponders(error: unknown): boolean {
  return error instanceof RequestError && error.isNoResponders();
}
