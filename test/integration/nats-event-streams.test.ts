/**
 * Events in several streams, on a real server: the same subjects, each event stored once, in the stream of its queue and
 * in order; streams that are added, lost or flooded; and servers that die in the middle.
 */
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { AckPolicy, jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { natsNames } from '../../src/adapters/nats/names.ts';
import { VitalSigns } from '../../src/application/cluster/vital-signs.ts';
import type { JobEvent } from '../../src/application/ports/bus.ts';
import { parseQueueResumeToken, queueResumeToken } from '../../src/application/calls/page-token.ts';
import { createWakeUp } from '../../src/application/calls/wake-up.ts';
import { QueueEvents } from '../../src/application/jobs/queue-events.ts';
import type { KeptEvent } from '../../src/application/ports/event-log.ts';
import {
  eventually,
  linkedAgain,
  natsTestClock,
  natsTestLog,
  startTestNats,
  testJobId,
  type TestNats,
} from '../support/nats.ts';

const streams = 4;
const names = natsNames('any', streams);

/** A queue whose events are in this stream now. */
function queueIn(stream: number, count = streams): string {
  const all = natsNames('any', count);
  for (let n = 0; ; n += 1) if (all.eventHomes('acme', `queue-${n}`).at(-1) === stream) return `queue-${n}`;
}

function event(queue: string, seq = 1, jobId = testJobId()): JobEvent {
  const data = { jobId, seq, handler: 'test.echo', state: 'QUEUED' };
  return { jobId, seq, type: 'queued', tenant: 'acme', queue, atMs: 1_795_428_476_591, data };
}

function readerOf(
  bus: NatsBus,
  place: { readonly tenant: string; readonly queue: string },
  clock = natsTestClock,
): QueueEvents {
  const wakeUp = createWakeUp(clock, new AbortController().signal);
  const filter = { states: [], handler: '', failureReasons: [] };
  return new QueueEvents({ events: bus.events, clock, wakeUp, place, filter, pageEvents: 10 });
}

const idOf = ({ jobId, seq }: Pick<JobEvent, 'jobId' | 'seq'>): string => `${jobId}.${seq}`;

describe('events in four streams', () => {
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

  const streamName = (root: string, n: number): string => natsNames(root, streams).eventsStreams[n] ?? '';
  const stored = async (root: string): Promise<number[]> =>
    Promise.all(
      Array.from({ length: streams }, async (_, n) => (await jsm.streams.info(streamName(root, n))).state.messages),
    );

  async function kept(root: string, n: number): Promise<{ subject: string; id: string | undefined }[]> {
    const { state } = await jsm.streams.info(streamName(root, n));
    const found = [];
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
      const message = await jsm.streams.getMessage(streamName(root, n), { seq });
      if (message !== null) found.push({ subject: message.subject, id: message.header.get('ce-id') });
    }
    return found;
  }

  async function logOf(bus: NatsBus, queue: string): Promise<KeptEvent[]> {
    const logs = bus.events.of({ tenant: 'acme', queue });
    const pages = await Promise.all(logs.map((log) => log.read({ tenant: 'acme', queue }, { after: 0, max: 500 })));
    return pages.flatMap(({ events }) => events);
  }

  it('go to the stream of their queue, once, in order, under the subject that one stream would store', async () => {
    const bus = await nats.connect({ subjectRoot: 'four', eventStreams: streams, limits: { publishBatchFrom: 4 } });
    const queues = Array.from({ length: streams }, (_, n) => queueIn(n));
    const published = Array.from({ length: 200 }, (_, n) => event(queues[n % streams] ?? ''));
    // A batch, the same once more, and single ones.
    for (const _ of [1, 2]) await Promise.all(published.map((one) => bus.publisher.publishEvent(one)));
    for (const one of published.slice(0, streams)) await bus.publisher.publishEvent(one);
    for (const [n, queue] of queues.entries()) {
      const mine = published.filter((one) => one.queue === queue);
      const wanted = mine.map((one) => ({ subject: `four.events.acme.${queue}.queued`, id: idOf(one) }));
      expect(await kept('four', n)).toEqual(wanted);
      expect((await logOf(bus, queue)).map(({ jobId }) => jobId)).toEqual(mine.map(({ jobId }) => jobId));
    }
    expect(bus.differences()).toEqual([]);
  });

  it('are heard live once, on the subject of one stream, with the same headers and data', async () => {
    const [one, four] = [
      await nats.connect({ subjectRoot: 'live1' }),
      await nats.connect({ subjectRoot: 'live4', eventStreams: streams }),
    ];
    const heard: Msg[] = [];
    for (const root of ['live1', 'live4'])
      plain.subscribe(`${root}.events.acme.*.queued.*`, { callback: (_error, message) => void heard.push(message) });
    await plain.flush();
    for (let n = 0; n < streams; n += 1) {
      const said = event(queueIn(n));
      for (const bus of [one, four]) await bus.publisher.publishEvent(said);
      await eventually(() => heard.length >= 2);
      await plain.flush();
      const [like, unlike] = heard.splice(0, 2);
      expect(heard).toEqual([]);
      expect(unlike?.subject).toBe(like?.subject.replace('live1', 'live4'));
      expect(unlike?.json()).toEqual(like?.json());
      for (const name of like?.headers?.keys() ?? [])
        if (name !== 'ce-source') expect(unlike?.headers?.get(name)).toBe(like?.headers?.get(name));
    }
  });

  it('are sent to live subscribers before the stream can confirm them, alone and in batches', async () => {
    const bus = await nats.connect({ subjectRoot: 'first', eventStreams: streams, limits: { publishBatchFrom: 4 } });
    const sent: string[] = [];
    const callback = (_error: unknown, { subject, headers }: Msg): void =>
      void sent.push(`${subject.split('.')[1]} ${headers?.get('ce-id')}`);
    plain.subscribe('first.>', { callback });
    await plain.flush();
    const said = Array.from({ length: 9 }, () => event(queueIn(1)));
    for (const some of [said.slice(0, 1), said.slice(1)])
      await Promise.all(some.map((one) => bus.publisher.publishEvent(one)));
    await plain.flush();
    expect(sent).toEqual(said.flatMap((one) => [`events ${idOf(one)}`, `kept ${idOf(one)}`]));
  });

  it('reach a durable subscriber by the filter that one stream would have', async () => {
    const bus = await nats.connect({ subjectRoot: 'durable', eventStreams: streams });
    const said = event(queueIn(2));
    await bus.publisher.publishEvent(said);
    const stream = streamName('durable', 2);
    const filter_subject = 'durable.events.acme.*.queued';
    await jsm.consumers.add(stream, { durable_name: 'billing', ack_policy: AckPolicy.Explicit, filter_subject });
    const message = await (await jetstream(plain).consumers.get(stream, 'billing')).next({ expires: 5_000 });
    expect(message?.headers?.get('ce-id')).toBe(idOf(said));
  });

  it('are found in both streams, in order, when the stream of their queue was added in the meantime', async () => {
    const root = 'grown';
    const before = await nats.connect({ subjectRoot: root });
    const queue = queueIn(3);
    const jobId = testJobId();
    await before.publisher.publishEvent(event(queue, 1, jobId));
    const after = await nats.connect({ subjectRoot: root, eventStreams: streams });
    await after.publisher.publishEvent(event(queue, 2, jobId));
    expect((await logOf(after, queue)).map(({ seq }) => seq)).toEqual([1, 2]);
    // A process that does not know of the new streams goes on as before.
    await before.publisher.publishEvent(event(queue, 3, jobId));
    const [first, ...others] = after.events.of({ tenant: 'acme', queue });
    const early = await first?.read({ tenant: 'acme', queue }, { after: 0, max: 10 });
    expect(early?.events.map(({ seq }) => seq)).toEqual([1, 3]);
    expect(others.length).toBeGreaterThan(0);
    expect([before.differences(), after.differences()]).toEqual([[], []]);
    expect(before.publisher.streams()).toBe(after.publisher.streams()?.split(' ').slice(0, 2).join(' '));
  });

  it('are followed by a watch that goes on from a token of before its queue had the new stream', async () => {
    const root = 'watched';
    const queue = queueIn(3);
    const place = { tenant: 'acme', queue };
    const few = await nats.connect({ subjectRoot: root });
    const many = await nats.connect({ subjectRoot: root, eventStreams: streams });
    const before = readerOf(few, place);
    await before.begin(undefined);
    const token = queueResumeToken(7, before.positions);
    const jobId = testJobId();
    for (const [bus, seq] of [
      [few, 1],
      [few, 2],
      [many, 3],
      [many, 4],
    ] as const)
      await bus.publisher.publishEvent(event(queue, seq, jobId));
    const reader = readerOf(many, place);
    await reader.begin(parseQueueResumeToken(token, 7));
    const seen: number[] = [];
    await eventually(async () => {
      await reader.next();
      seen.push(...reader.changes.map(({ event: { seq } }) => seq));
      return seen.includes(4);
    });
    // The newest of each page: of the stream of before, then of the new one.
    expect(seen).toEqual([2, 4]);
    expect(reader.takeGap()).toBe(false);
    reader.close();
  });

  it('are followed by a watch when their publishers are set back to fewer streams, and after its gateway was for a while', async () => {
    const root = 'back';
    const place = { tenant: 'acme', queue: queueIn(3) };
    const many = await nats.connect({ subjectRoot: root, eventStreams: streams });
    const few = await nats.connect({ subjectRoot: root });
    const publish = ({ publisher }: NatsBus, seq: number) => publisher.publishEvent(event(place.queue, seq));
    let token: string | undefined;
    const seen: number[] = [];
    const readUntil = async (bus: NatsBus, last: number, meanwhile?: () => Promise<void>): Promise<void> => {
      const reader = readerOf(bus, place);
      await reader.begin(token === undefined ? undefined : parseQueueResumeToken(token, 7));
      await meanwhile?.();
      await eventually(async () => {
        await reader.next();
        seen.push(...reader.changes.map(({ event: { seq } }) => seq));
        return seen.includes(last);
      });
      token = queueResumeToken(7, reader.positions);
      expect(reader.takeGap()).toBe(false);
      reader.close();
    };
    await readUntil(many, 1, async () => {
      await publish(many, 1);
      await publish(few, 2);
    });
    // The stream of fewer streams is read first.
    expect(seen).toEqual([2, 1]);
    await publish(many, 3);
    await publish(few, 4);
    await readUntil(few, 4);
    expect(seen).not.toContain(3);
    await readUntil(many, 3);
  });

  it('are read by a watch of a process with fewer streams, too, once it has heard one of them, until the stream is gone', async () => {
    const notices: string[] = [];
    const log = { ...natsTestLog, warn: (_fields: object, text: string) => void notices.push(text) };
    const few = await nats.connect({ subjectRoot: 'few', log });
    const many = await nats.connect({ subjectRoot: 'few', eventStreams: streams });
    const place = { tenant: 'acme', queue: queueIn(3) };
    let aheadMs = 0;
    const clock = { ...natsTestClock, monotonicMs: () => natsTestClock.monotonicMs() + aheadMs };
    const reader = readerOf(few, place, clock);
    await reader.begin(undefined);
    const seen: number[] = [];
    let hasGap = false;
    /** Passes over the time between two checks. */
    const readUntil = (condition: () => boolean) =>
      eventually(async () => {
        if (await reader.next()) hasGap ||= reader.takeGap();
        aheadMs += 5_000;
        seen.push(...reader.changes.map(({ event: { seq } }) => seq));
        return condition();
      });
    // Nobody listens yet.
    await many.publisher.publishEvent(event(place.queue, 1));
    await few.publisher.publishEvent(event(place.queue, 2));
    await readUntil(() => seen.includes(2));
    expect([seen, notices]).toEqual([[2], []]);
    let heard = false;
    few.events.onNext(place, () => (heard = true));
    // The server has served the subscription when it answers.
    await few.events.of(place)[0]?.bounds();
    await many.publisher.publishEvent(event(place.queue, 3));
    await eventually(() => heard);
    await readUntil(() => seen.includes(3));
    expect([seen, hasGap]).toEqual([[2, 1, 3], false]);
    expect(notices).toEqual([expect.stringContaining('more streams than nats.eventStreams says')]);
    const token = queueResumeToken(7, reader.positions);
    // Nobody here makes it anew.
    await many.close();
    await jsm.streams.delete(streamName('few', 3));
    await few.publisher.publishEvent(event(place.queue, 4));
    await readUntil(() => hasGap && seen.includes(4));
    const again = readerOf(few, place);
    await again.begin(parseQueueResumeToken(token, 7));
    expect(again.takeGap()).toBe(true);
    for (const one of [reader, again]) one.close();
  });

  it('that are published again by a process with more streams lie in both, with the id by which they are known', async () => {
    const root = 'twice';
    const before = await nats.connect({ subjectRoot: root });
    const after = await nats.connect({ subjectRoot: root, eventStreams: streams });
    const said = event(queueIn(1));
    for (const bus of [before, after, after, before]) await bus.publisher.publishEvent(said);
    expect(await stored(root)).toEqual([1, 1, 0, 0]);
    expect((await kept(root, 0))[0]).toEqual((await kept(root, 1))[0]);
  });

  it('of a flooded queue do not keep back those of a queue of another stream', async () => {
    const limits = { publishesInFlight: 4, publishesWaiting: 50, publishBatchFrom: 1_000 };
    const bus = await nats.connect({ subjectRoot: 'flood', eventStreams: streams, limits });
    const flood = Array.from({ length: 200 }, () => bus.publisher.publishEvent(event(queueIn(1))));
    const others = [0, 2, 3].map((n) => bus.publisher.publishEvent(event(queueIn(n))));
    const outcomes = await Promise.allSettled(flood);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(150);
    await Promise.all(others);
    expect(await stored('flood')).toEqual([1, 50, 1, 1]);
  });

  it('are published to a stream that was deleted and is made anew, and its log is another one', async () => {
    const root = 'remade';
    const bus = await nats.connect({ subjectRoot: root, eventStreams: streams, limits: { identityCheckMs: 200 } });
    const queues = [queueIn(1), queueIn(2)] as const;
    for (const queue of queues) await bus.publisher.publishEvent(event(queue));
    const boundsOf = async (queue: string) => bus.events.of({ tenant: 'acme', queue }).at(-1)?.bounds();
    const before = await Promise.all(queues.map(boundsOf));
    let replaced = 0;
    bus.publisher.onStreamsReplaced(() => (replaced += 1));
    await jsm.streams.delete(streamName(root, 2));
    await eventually(() => replaced > 0);
    await eventually(() => bus.health().publishing);
    const said = event(queues[1]);
    await bus.publisher.publishEvent(said);
    expect(await kept(root, 2)).toEqual([{ subject: `${root}.events.acme.${queues[1]}.queued`, id: idOf(said) }]);
    const after = await Promise.all(queues.map(boundsOf));
    expect(after[0]).toEqual(before[0]);
    expect(after[1]?.log).not.toBe(before[1]?.log);
  });

  it('are in trouble while one of their streams takes none, whatever the others take', async () => {
    const root = 'sealed';
    const vitals = new VitalSigns(natsTestClock);
    const limits = { identityCheckMs: 200 };
    const bus = await nats.connect({ subjectRoot: root, eventStreams: streams, vitals, limits });
    const signs = (): readonly string[] => vitals.troubles().map(({ sign }) => sign);
    const stream = streamName(root, 2);
    // The client's type of an update lacks `sealed`.
    const sealed: object = { ...(await jsm.streams.info(stream)).config, sealed: true };
    await jsm.streams.update(stream, sealed);
    await expect(bus.publisher.publishEvent(event(queueIn(2)))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await eventually(() => bus.health().publishing);
    await bus.publisher.publishEvent(event(queueIn(1)));
    expect(signs()).toEqual(['EVENTS']);
    expect(vitals.troubles()[0]?.reason).toContain(`: ${stream}: `);
    await jsm.streams.delete(stream);
    await eventually(() =>
      bus.publisher.publishEvent(event(queueIn(2))).then(
        () => true,
        () => false,
      ),
    );
    expect(signs()).toEqual([]);
  });

  it('that were confirmed are there after kill -9 of the server in the middle of publishing, and none in another stream', async () => {
    const root = 'killed';
    const bus = await nats.connect({ subjectRoot: root, eventStreams: streams });
    const confirmed = Array.from({ length: streams }, () => new Set<string>());
    let stop = false;
    const publishers = Array.from({ length: 80 }, async (_, n) => {
      const queue = queueIn(n % streams);
      while (!stop) {
        const said = event(queue);
        try {
          await bus.publisher.publishEvent(said);
          confirmed[n % streams]?.add(idOf(said));
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    });
    const count = (): number => confirmed.reduce((sum, { size }) => sum + size, 0);
    await eventually(() => count() > 400);
    const plainIsBack = linkedAgain(plain);
    await nats.kill();
    await eventually(() => !bus.health().connected);
    const before = count();
    await nats.restart();
    await eventually(() => count() > before + 400);
    stop = true;
    await Promise.all([...publishers, plainIsBack]);
    for (let n = 0; n < streams; n += 1) {
      const found = await kept(root, n);
      const ids = found.map(({ id }) => id);
      expect([...(confirmed[n] ?? [])].filter((id) => !ids.includes(id))).toEqual([]);
      expect(new Set(ids).size).toBe(ids.length);
      expect(found.filter(({ subject }) => names.eventHomes('acme', subject.split('.')[3] ?? '').at(-1) !== n)).toEqual(
        [],
      );
    }
  }, 60_000);
});
