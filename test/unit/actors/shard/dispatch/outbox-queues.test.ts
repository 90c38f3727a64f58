/** WORK messages and events leave the outbox side by side, and what JetStream does not take is not pressed on it. */
import { describe, expect, it } from 'vitest';
import { Outbox } from '../../../../../src/actors/shard/dispatch/outbox.ts';
import type { Publisher, WorkMessage } from '../../../../../src/application/ports/bus.ts';
import { TroupeError, type ErrorCode } from '../../../../../src/domain/errors.ts';
import { composeJobId } from '../../../../../src/domain/job-id.ts';
import { createTestKit, type TestKit } from '../../../../../src/kernel/testkit/index.ts';

const place = { tenant: 'default', queue: 'default' };
const need = { handler: 'sim.work' };
const windowMax = 4;

type UsedOfPublisher = Pick<Publisher, 'publishWork' | 'publishEvent' | 'soundAtMs'>;

function outboxWith(kit: TestKit, publisher: UsedOfPublisher, random = () => 0): Outbox {
  return new Outbox({
    clock: kit.clock,
    random,
    windowMax,
    syncMs: 0,
    unsyncedMax: 10,
    publisher: publisher as Publisher,
    isWanted: () => true,
    onPublished: () => undefined,
  });
}

const jobIdOf = (n: number) => composeJobId({ createdAtMs: 1, shard: 1, queueNo: 1 }, BigInt(n));

function setUp(random = () => 0) {
  const kit = createTestKit();
  /** Why JetStream does not take WORK messages. Undefined: it takes them. */
  const state: { refusal: ErrorCode | undefined; soundAtMs: number } = { refusal: 'BACKLOG_FULL', soundAtMs: 0 };
  const tries: { readonly atMs: number; readonly message: WorkMessage }[] = [];
  const events: number[] = [];
  const publisher: UsedOfPublisher = {
    publishWork: async (message) => {
      tries.push({ atMs: kit.clock.monotonicMs(), message });
      await Promise.resolve();
      if (state.refusal !== undefined) throw new TroupeError(state.refusal);
    },
    publishEvent: async ({ seq }) => {
      await Promise.resolve();
      events.push(seq);
    },
    soundAtMs: () => state.soundAtMs,
  };
  const outbox = outboxWith(kit, publisher, random);
  return {
    kit,
    outbox,
    state,
    tries,
    events,
    addWork: (n: number) =>
      outbox.addWork({ ...place, jobId: jobIdOf(n), attempt: 0, epoch: 1, need, route: 'shared' }, n, 1),
    addEvent: (n: number) =>
      outbox.addEvent({ ...place, jobId: jobIdOf(n), seq: n, type: 'queued', atMs: n, data: {} }, 1),
  };
}

describe('an outbox of which JetStream takes no work', () => {
  it('gets all its events out meanwhile', async () => {
    const { kit, outbox, events, addWork, addEvent } = setUp();
    for (let n = 0; n < 100; n += 1) {
      addWork(n);
      addEvent(n);
    }
    outbox.pump();
    await kit.settle();
    expect(events).toHaveLength(100);
    expect([outbox.sizeOf('work'), outbox.sizeOf('event'), outbox.size]).toEqual([100, 0, 100]);
  });

  it('tries again after 0.5 s, and after twice as long each time, up to 15 s', async () => {
    const { kit, outbox, tries, addWork } = setUp();
    addWork(1);
    outbox.pump();
    for (let s = 0; s < 60; s += 1) {
      await kit.advance(1_000);
      outbox.pump();
      outbox.tick();
    }
    expect(tries.map(({ atMs }) => atMs)).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 30_500, 45_500]);
  });

  it('spreads its tries, so that not all shards come back at once', async () => {
    const { kit, outbox, tries, addWork } = setUp(() => 0.5);
    addWork(1);
    outbox.pump();
    await kit.advance(2_000);
    expect(tries.map(({ atMs }) => atMs)).toEqual([0, 375, 1_125]);
  });

  it('keeps the order, and begins with the shortest pause again once a message was taken', async () => {
    const { kit, outbox, state, tries, addWork } = setUp();
    for (let n = 1; n <= 3 * windowMax; n += 1) addWork(n);
    outbox.pump();
    await kit.advance(4_000);
    state.refusal = undefined;
    tries.splice(0);
    await kit.advance(4_000);
    expect(tries.map(({ message }) => message.jobId)).toEqual(tries.map(({ message }) => message.jobId).toSorted());
    expect([tries.length, outbox.size]).toEqual([3 * windowMax, 0]);
    state.refusal = 'BACKLOG_FULL';
    const nowMs = kit.clock.monotonicMs();
    tries.splice(0);
    addWork(20);
    outbox.pump();
    await kit.advance(600);
    expect(tries.map(({ atMs }) => atMs - nowMs)).toEqual([0, 500]);
  });

  it('waits no longer for a JetStream out of reach once that has answered', async () => {
    const { kit, outbox, state, tries, addWork } = setUp();
    state.refusal = 'BROKER_UNAVAILABLE';
    addWork(1);
    outbox.pump();
    await kit.advance(20_000);
    outbox.tick();
    state.refusal = undefined;
    expect([tries.length, outbox.size]).toEqual([6, 1]);
    state.soundAtMs = kit.clock.monotonicMs();
    outbox.tick();
    await kit.settle();
    expect([tries.length, outbox.size]).toEqual([7, 0]);
  });
});

describe('an outbox in which the facts of one tenant gather', () => {
  function setUpTenants() {
    const sent: string[] = [];
    const confirmed: string[] = [];
    const waiting: (() => void)[] = [];
    const take = (name: string): Promise<void> => {
      sent.push(name);
      return new Promise((resolve) => {
        waiting.push(() => {
          confirmed.push(name);
          resolve();
        });
      });
    };
    const kit = createTestKit();
    const publisher: UsedOfPublisher = {
      publishWork: ({ tenant, jobId }) => take(`${tenant} ${jobId}`),
      publishEvent: ({ tenant, jobId, seq }) => take(`${tenant} ${jobId} ${seq}`),
      soundAtMs: () => 0,
    };
    const outbox = outboxWith(kit, publisher);
    return {
      outbox,
      sent,
      seqsOf: (names: readonly string[], n: number) =>
        names.flatMap((name) => (name.split(' ')[1] === jobIdOf(n) ? [name.split(' ')[2]] : [])),
      confirmed,
      event: (tenant: string, n: number, seq = 1) =>
        outbox.addEvent({ tenant, queue: 'q', jobId: jobIdOf(n), seq, type: 'queued', atMs: n, data: {} }, 1),
      work: (tenant: string, n: number) =>
        outbox.addWork({ tenant, queue: 'q', jobId: jobIdOf(n), attempt: 0, epoch: 1, need, route: 'shared' }, n, 1),
      /** JetStream confirms the oldest in flight. */
      async confirm(count: number): Promise<void> {
        for (const resolve of waiting.splice(0, count)) resolve();
        await kit.settle();
      },
    };
  }

  it('publishes the first fact of another tenant as soon as there is room', async () => {
    const { outbox, sent, event, work, confirm } = setUpTenants();
    for (let n = 0; n < 100; n += 1) {
      event('flood', n);
      work('flood', n);
    }
    outbox.pump();
    sent.length = 0;
    event('calm', 200);
    work('calm', 200);
    await confirm(2 * windowMax);
    expect(sent.filter((name) => name.startsWith('calm'))).toHaveLength(2);
    expect(outbox.size).toBe(202 - 2 * windowMax);
  });

  it('keeps the order of each job, and says what is the oldest that may be missing', async () => {
    const { outbox, sent, confirmed, seqsOf, event, confirm } = setUpTenants();
    const jobs = [1, 2, 3, 4];
    for (const seq of [1, 2, 3]) for (const n of jobs) event(n === 4 ? 'calm' : 'flood', n, seq);
    outbox.pump();
    while (outbox.size > 0) {
      const oldest = Math.min(...jobs.filter((n) => seqsOf(confirmed, n).length < 3));
      expect(outbox.oldestAtMs('event')).toBe(oldest);
      await confirm(1);
    }
    expect(outbox.oldestAtMs('event')).toBe(Infinity);
    for (const n of jobs) expect(seqsOf(sent, n)).toEqual(['1', '2', '3']);
  });
});
