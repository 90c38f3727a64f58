/** Cold jobs become warm with the newest record, in order, and never with another; whatever the store does meanwhile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ColdLoader } from '../../../../../src/actors/shard/core/cold-loader.ts';
import type { ShardMessage } from '../../../../../src/actors/shard/services/shard-message.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';
import { findJobsMax, type Partition } from '../../../../../src/application/ports/job-store.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import type { JobRecord, JobState } from '../../../../../src/domain/job.ts';
import { bucketMs, bucketOf, type JobId } from '../../../../../src/domain/job-id.ts';
import type { ActorContext } from '../../../../../src/kernel/index.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testRecord } from '../../../../support/jobs.ts';

const shard = 3;
const bucket = 28_000_000;

/** Slots of cold jobs by number; freed ones are used again at once. The warm jobs are those of `warmed`. */
class FakeTable {
  readonly warmed = new Map<JobId, JobRecord>();
  readonly #slots: ({ readonly id: JobId; readonly state: JobState } | undefined)[] = [];
  readonly cold = {
    idOf: (slot: number): JobId => this.#at(slot).id,
    stateOf: (slot: number): JobState => this.#at(slot).state,
    find: (id: JobId): number | undefined => {
      const slot = this.#slots.findIndex((job) => job?.id === id);
      return slot < 0 ? undefined : slot;
    },
  };

  cool({ id, state }: JobRecord): number {
    this.warmed.delete(id);
    const vacant = this.#slots.indexOf(undefined);
    const slot = vacant < 0 ? this.#slots.length : vacant;
    this.#slots[slot] = { id, state };
    return slot;
  }

  warm(slot: number, record: JobRecord): JobEntry {
    expect(this.cold.idOf(slot)).toBe(record.id);
    this.remove(slot);
    this.warmed.set(record.id, record);
    return { current: record } as JobEntry;
  }

  remove(slot: number): void {
    this.#slots[slot] = undefined;
  }

  #at(slot: number): { readonly id: JobId; readonly state: JobState } {
    const job = this.#slots[slot];
    if (job === undefined) throw new Error(`slot ${slot} is free`);
    return job;
  }
}

/** A request of the loader that the store has not answered yet. */
interface Question {
  readonly partition: Partition;
  readonly ids: readonly JobId[];
  answer(): void;
  refuse(error: Error): void;
}

/** Reads at once and answers at once, unless it is `held`: then it answers when the test says so. */
class FakeStore {
  readonly records = new Map<JobId, JobRecord>();
  readonly asked: Question[] = [];
  readonly open: Question[] = [];
  held = false;
  trouble: Error | undefined;
  /** Whether the shard still belongs to the owner that loads. */
  owned = true;

  ownsShard(): Promise<boolean> {
    return Promise.resolve(this.owned);
  }

  findJobs(partition: Partition, ids: readonly JobId[]): Promise<readonly JobRecord[]> {
    expect(ids.length).toBeLessThanOrEqual(findJobsMax);
    for (const id of ids) expect({ shard, bucket: bucketOf(id) }).toEqual(partition);
    const { promise, resolve, reject } = Promise.withResolvers<readonly JobRecord[]>();
    const found = ids.flatMap((id) => this.records.get(id) ?? []).toReversed();
    const over = (): void => void this.open.splice(this.open.indexOf(question), 1);
    const question: Question = {
      partition,
      ids,
      answer() {
        over();
        resolve(found);
      },
      refuse(error) {
        over();
        reject(error);
      },
    };
    this.asked.push(question);
    this.open.push(question);
    if (this.trouble !== undefined) question.refuse(this.trouble);
    else if (!this.held) question.answer();
    return promise;
  }
}

async function begin(seed = 1) {
  const kit = createTestKit({ seed });
  const [table, store] = [new FakeTable(), new FakeStore()];
  const loads: (readonly JobId[])[] = [];
  let made: ColdLoader | undefined;
  let unique = 0n;
  const ref = kit.system.spawn<ShardMessage>('shard', {
    kind: 'shard',
    mailboxCapacity: 1_000,
    start(context: ActorContext<ShardMessage>) {
      const loader = (made = new ColdLoader({ shard, epoch: 1, context, store, table }));
      return {
        receive(message) {
          if (message.kind === 'answered') message.handle();
        },
        onStop: () => loader.stop(),
      };
    },
  });
  await kit.settle();
  if (made === undefined) throw new Error('not started');
  const loader = made;
  return {
    kit,
    table,
    store,
    loads,
    stop: () => kit.system.stop(ref),
    /** A job that was created so many minutes later, on record. */
    record(minute = 0, state: JobState = 'QUEUED'): JobRecord {
      unique += 1n;
      const made = testRecord(
        { queueNo: 1 + Number(unique % 3n) },
        { shard, unique, nowMs: (bucket + minute) * bucketMs },
      );
      const record = { ...made, state };
      store.records.set(record.id, record);
      return record;
    },
    /** A durable decision about a job: another version, in the same state. */
    change(id: JobId): JobRecord {
      const present = store.records.get(id);
      if (present === undefined) throw new Error('no record');
      const record = { ...present, seq: present.seq + 1 };
      store.records.set(id, record);
      return record;
    },
    load(slots: readonly number[]): void {
      loader.load(slots, (entries) => loads.push(entries.map(({ current }) => current.id)));
    },
    crash(): unknown {
      return kit.events.flatMap((event) => (event.type === 'crashed' ? [event.error] : [])).at(0);
    },
  };
}

const away = new TroupeError('STORE_UNAVAILABLE');

describe('a load of cold jobs', () => {
  it('makes them warm in the order of their slots, once all their minutes were read in requests of bounded size', async () => {
    const { kit, table, store, loads, record, load } = await begin();
    const records = Array.from({ length: 250 }, (_, n) => record(n % 2));
    const rare = record(7, 'SCHEDULED');
    const all = [...records.slice(100), rare, ...records.slice(0, 100)];
    const slots = all.map((one) => table.cool(one));
    store.held = true;
    load(slots);
    await kit.settle();
    const sizes = store.asked.map(({ partition, ids }) => [partition.bucket - bucket, ids.length]);
    expect(sizes).toEqual([
      [0, 100],
      [0, 25],
      [1, 100],
      [1, 25],
      [7, 1],
    ]);
    for (const question of store.open.slice(1).toReversed()) question.answer();
    await kit.advance(60_000);
    expect([loads, table.warmed.size]).toEqual([[], 0]);
    store.open[0]?.answer();
    await kit.settle();
    expect(loads).toEqual([all.map(({ id }) => id)]);
    for (const one of all) expect(table.warmed.get(one.id)).toBe(one);
  });

  it('of nothing is over at once', async () => {
    const { kit, store, loads, load } = await begin();
    load([]);
    await kit.settle();
    expect([loads, store.asked]).toEqual([[[]], []]);
  });

  it('has its turn after those before: eight requests are out at most', async () => {
    const { kit, table, store, loads, record, load } = await begin();
    store.held = true;
    for (let n = 0; n < 5; n += 1) load(Array.from({ length: 4 }, (_, minute) => table.cool(record(minute))));
    await kit.settle();
    for (let asked = 8; store.open.length > 0; asked = Math.min(20, asked + 1)) {
      expect(store.asked).toHaveLength(asked);
      expect(store.open.length).toBeLessThanOrEqual(8);
      store.open[0]?.answer();
      await kit.settle();
    }
    expect(store.asked).toHaveLength(20);
    expect(loads.map(({ length }) => length)).toEqual([4, 4, 4, 4, 4]);
  });

  it('is tried again, ever more seldom, while the store does not answer, and loses nothing', async () => {
    const { kit, table, store, loads, record, load } = await begin();
    const [first, second] = [record(0), record(1)];
    store.trouble = away;
    const beganMs = kit.clock.monotonicMs();
    load([table.cool(first)]);
    const triesAtMs: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 100) {
      await kit.settle();
      while (triesAtMs.length < store.asked.length) triesAtMs.push(kit.clock.monotonicMs() - beganMs);
      await kit.advance(100);
    }
    expect(triesAtMs).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]);
    store.trouble = undefined;
    load([table.cool(second)]);
    await kit.settle();
    expect(loads).toEqual([[second.id]]);
    await kit.advance(5_000);
    expect(loads).toEqual([[second.id], [first.id]]);
    expect(table.warmed.size).toBe(2);
  });

  it('waits for no minutes that cannot be read, however many they are', async () => {
    const { kit, table, store, loads, record, load } = await begin();
    const bad = Array.from({ length: 20 }, (_, minute) => record(minute));
    const [good] = [record(30)];
    store.held = true;
    load(bad.map((one) => table.cool(one)));
    load([table.cool(good)]);
    for (let rounds = 0; rounds < 100; rounds += 1) {
      await kit.settle();
      for (const question of [...store.open]) {
        if (question.ids.includes(good.id)) question.answer();
        else question.refuse(away);
      }
      await kit.advance(100);
    }
    expect(loads).toEqual([[good.id]]);
    for (const question of [...store.open]) question.answer();
    store.held = false;
    await kit.advance(10_000);
    expect(loads).toEqual([[good.id], bad.map(({ id }) => id)]);
  });

  it('ends with its shard: nothing is asked and no timer runs any more', async () => {
    const { kit, table, store, loads, record, load, stop } = await begin();
    const slots = Array.from({ length: 12 }, (_, minute) => table.cool(record(minute)));
    store.held = true;
    load(slots);
    await kit.settle();
    for (const question of store.open.slice(0, 3)) question.refuse(away);
    await kit.settle();
    expect(kit.clock.pendingTimers).toBe(3);
    stop();
    await kit.settle();
    expect(kit.clock.pendingTimers).toBe(0);
    store.open[0]?.refuse(away);
    store.open[0]?.answer();
    await kit.advance(60_000);
    expect(store.asked).toHaveLength(11);
    expect([loads, table.warmed.size, kit.clock.pendingTimers]).toEqual([[], 0, 0]);
  });

  it('whose request the store refuses for good stops the shard', async () => {
    const { kit, table, store, record, load, crash } = await begin();
    const slot = table.cool(record());
    store.trouble = new TroupeError('INTERNAL_ERROR', { message: 'the database file is damaged' });
    load([slot]);
    await kit.settle();
    expect(crash()).toBe(store.trouble);
    expect(store.asked).toHaveLength(1);
  });
});

describe('a job that changes while it is loaded', () => {
  it('is left out if it has left, also when its slot has another job by then', async () => {
    const { kit, table, store, loads, record, load } = await begin();
    const [gone, stays, next] = [record(), record(), record()];
    const [slot, other] = [table.cool(gone), table.cool(stays)];
    store.held = true;
    load([slot, other]);
    await kit.settle();
    table.remove(slot);
    expect(table.cool(next)).toBe(slot);
    store.open[0]?.answer();
    await kit.settle();
    expect(loads).toEqual([[stays.id]]);
    expect([...table.warmed.keys()]).toEqual([stays.id]);
    expect(table.cold.find(next.id)).toBe(slot);
  });

  it('becomes warm once if two loads have it, or one has it twice', async () => {
    const { kit, table, loads, record, load } = await begin();
    const [one, other] = [record(), record()];
    const [slot, second] = [table.cool(one), table.cool(other)];
    load([slot, slot]);
    load([slot, second]);
    await kit.settle();
    expect(loads).toEqual([[one.id], [other.id]]);
  });

  it('is left out by a load that read it before, though it is cold again in the same slot', async () => {
    const { kit, table, store, loads, record, load, change } = await begin();
    const [job, other] = [record(0), record(1)];
    const slot = table.cool(job);
    store.held = true;
    load([slot, table.cool(other)]);
    await kit.settle();
    store.open[0]?.answer();
    store.held = false;
    load([slot]);
    await kit.settle();
    expect(loads).toEqual([[job.id]]);
    const changed = change(job.id);
    expect(table.cool(changed)).toBe(slot);
    store.open[0]?.answer();
    await kit.settle();
    expect(loads).toEqual([[job.id], [other.id]]);
    load([slot]);
    await kit.settle();
    expect(table.warmed.get(job.id)).toBe(changed);
  });
});

describe('a record that is not as the memory says', () => {
  it('stops the shard by name if it is missing', async () => {
    const { kit, table, store, loads, record, load, crash } = await begin();
    const gone = record();
    const slot = table.cool(gone);
    store.records.delete(gone.id);
    load([slot]);
    await kit.settle();
    expect(String(crash())).toMatch(new RegExp(`no record of job ${gone.id}`));
    expect(loads).toEqual([]);
  });

  it('stops the shard by name if it has another state', async () => {
    const { kit, table, store, loads, record, load, crash } = await begin();
    const job = record();
    const slot = table.cool(job);
    store.records.set(job.id, { ...job, state: 'RUNNING' });
    load([slot]);
    await kit.settle();
    expect(String(crash())).toMatch(new RegExp(`job ${job.id} is QUEUED in memory and RUNNING in the store`));
    expect(loads).toEqual([]);
  });

  it('tells a former owner that it has a successor', async () => {
    const { kit, table, store, loads, record, load, crash } = await begin();
    const job = record();
    const slot = table.cool(job);
    store.records.set(job.id, { ...job, state: 'RUNNING' });
    store.owned = false;
    load([slot]);
    await kit.settle();
    expect(crash()).toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    expect(loads).toEqual([]);
  });
});

it('every load ends, each job becomes warm once and with its newest record, in any order of events', async () => {
  const jobs = 4;
  const step = fc.oneof(
    fc.record({ kind: fc.constant('load' as const), picks: fc.array(fc.nat(jobs - 1), { maxLength: jobs }) }),
    fc.record({ kind: fc.constant('answer' as const), at: fc.nat(3) }),
    fc.record({ kind: fc.constant('refuse' as const), at: fc.nat(3) }),
    fc.record({ kind: fc.constant('cool' as const), pick: fc.nat(jobs - 1) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(300) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120 }), fc.integer(), async (steps, seed) => {
      const { kit, table, store, loads, record, load, change, crash } = await begin(seed);
      const first = Array.from({ length: jobs }, (_, n) => record(n % 2));
      const isNewest = (): void => {
        for (const [id, warmed] of table.warmed) expect(warmed).toBe(store.records.get(id));
      };
      for (const job of first) table.cool(job);
      const counts = { loads: 0, cooled: jobs };
      store.held = true;
      for (const taken of steps) {
        if (taken.kind === 'load') {
          load(first.flatMap(({ id }, n) => (taken.picks.includes(n) ? (table.cold.find(id) ?? []) : [])));
          counts.loads += 1;
        } else if (taken.kind === 'cool') {
          const id = first[taken.pick]?.id;
          if (id === undefined || !table.warmed.has(id)) continue;
          table.cool(change(id));
          counts.cooled += 1;
        } else if (taken.kind === 'answer') store.open[taken.at]?.answer();
        else if (taken.kind === 'refuse') store.open[taken.at]?.refuse(away);
        else await kit.advance(taken.ms);
        await kit.settle();
        isNewest();
      }
      store.held = false;
      for (const question of [...store.open]) question.answer();
      await kit.advance(20_000);
      isNewest();
      expect(crash()).toBeUndefined();
      expect(loads).toHaveLength(counts.loads);
      const cold = first.filter(({ id }) => table.cold.find(id) !== undefined).length;
      expect(table.warmed.size).toBe(jobs - cold);
      expect(loads.flat()).toHaveLength(counts.cooled - cold);
    }),
    { numRuns: 200 },
  );
});
