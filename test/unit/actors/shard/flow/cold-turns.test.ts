/** Jobs that had their turn and wait elsewhere, among them cold ones. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ColdTurn } from '../../../../../src/actors/shard/flow/job-line.ts';
import { FairQueue } from '../../../../../src/actors/shard/flow/fair-queue.ts';
import { OutsideJobs } from '../../../../../src/actors/shard/flow/outside-jobs.ts';
import { RouteWindows } from '../../../../../src/actors/shard/flow/route-windows.ts';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import { ColdJobs, type ColdSlot } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import { type JobEntry, type NeedTally, QueueIndex } from '../../../../../src/actors/shard/table/queue-index.ts';
import { composeJobId, type JobId } from '../../../../../src/domain/job-id.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import { testRecord, testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const index = new QueueIndex('default', 'default');
const createdAtMs = 1_700_000_000_000;

function needs(count: number): NeedTally[] {
  return Array.from({ length: count }, (_, n) => index.tallyOf(testSpec({ handlerVersion: `>=0.0.${n}` })));
}

function blockedOf(tallies: readonly NeedTally[], each: number): { windows: RouteWindows; looks: () => number } {
  const cold = new ColdJobs(0);
  let looks = 0;
  const windows = new RouteWindows({
    windows: new DispatchWindows(),
    ofTenant: index.ofTenant,
    everyNodeHas: () => false,
    cold: { shapeOf: (slot) => cold.shapeOf(slot) },
    outside: new OutsideJobs(() => cold.newTail()),
    unblock: () => undefined,
  });
  const current = testRecord();
  let place = 0;
  for (const tally of tallies) {
    for (let n = 0; n < each; n += 1) {
      const entry = {
        current,
        place: (place += 1),
        get queueRef() {
          looks += 1;
          return { tally, index, inputBytes: 0 };
        },
      };
      windows.block(entry as unknown as JobEntry);
    }
  }
  const placed = looks;
  return { windows, looks: () => looks - placed };
}

describe('jobs that wait for room in the route of a handler that no node has any more', () => {
  it('have their turn again, however many they are', () => {
    const [need] = needs(1);
    if (need === undefined) throw new Error('no need');
    const { windows } = blockedOf([need], 150_000);
    expect(windows.unblockUnserved(need, () => false)).toHaveLength(150_000);
    expect(windows.unblockUnserved(need, () => false)).toEqual([]);
  });

  it('are looked through once, however many needs they have', () => {
    const tallies = needs(200);
    const { windows, looks } = blockedOf(tallies, 10);
    const back = tallies.flatMap((need) => windows.unblockUnserved(need, () => false));
    expect(new Set(back).size).toBe(2_000);
    expect(looks()).toBeLessThan(10 * 2_000);
  });

  it('come back without those of handlers that a node has', () => {
    const [gone, stays] = needs(2);
    if (gone === undefined || stays === undefined) throw new Error('no need');
    const { windows } = blockedOf([gone, stays], 3);
    const back = windows.unblockUnserved(gone, (need) => need === stays.need);
    expect(back.map((job) => (typeof job === 'number' ? job : job.queueRef.tally))).toEqual([gone, gone, gone]);
  });
});

describe('a cold job that comes to its line while those before it are chosen', () => {
  it('is loaded with them, and goes first', () => {
    const jobs = new ColdJobs(0);
    const [tally] = needs(1);
    if (tally === undefined) throw new Error('no need');
    const shape = { index, tally, queueNo: 1 };
    const slots = [3, 5, 6].map((place) => {
      const id = composeJobId({ createdAtMs, shard: 0, queueNo: 1 }, BigInt(place));
      return jobs.add({
        id,
        shape,
        state: 'QUEUED',
        readyAtMs: 0,
        deadlineAtMs: Infinity,
        place,
        inputBytes: 0,
      });
    });
    const aside = jobs.newTail();
    const loaded: (() => void)[] = [];
    const queue: FairQueue = new FairQueue({
      isHeld: () => true,
      monotonicMs: () => 0,
      cold: {
        isTight: true,
        headShare: 1,
        shapeOf: (slot) => jobs.shapeOf(slot),
        newTail: () => jobs.newTail(),
        readyAtMs: () => 0,
        cool: () => undefined,
        load: (some, then) => {
          const entries = some.map((slot) => ({ current: testRecord(), place: jobs.placeOf(slot) }) as JobEntry);
          loaded.push(() => then(entries));
        },
      },
      batch: () => 2,
      coldTurn(slot): ColdTurn {
        if (jobs.placeOf(slot) !== 6) return 'may load';
        // It stands aside, so the job goes that it had kept from its turn.
        aside.push(slot);
        queue.pushCold(slots[0] as ColdSlot, {});
        return 'moved';
      },
      loaded: () => undefined,
    });
    for (const slot of slots.slice(1)) queue.pushCold(slot, {});
    const order: number[] = [];
    const turn = () =>
      queue.shift(
        () => true,
        ({ place }) => order.push(place) > 0,
      );
    expect(turn()).toBe('loading');
    for (const then of loaded) then();
    while (turn() === 'used');
    expect(order).toEqual([3, 5]);
  });
});

describe('cold jobs', () => {
  let shard: ShardHarness;
  afterEach(() => shard.close());

  async function begin(): Promise<void> {
    const windows = new DispatchWindows({ floor: { most: 4, least: 4 }, outMax: 1_000, most: 4 });
    shard = await createShardHarness({ backlogMax: 10_000, dispatchWindows: windows, memoryTightBytes: 0 });
    await shard.start();
  }

  async function submit(count: number, specOf: (n: number) => Partial<JobSpec>): Promise<JobId[]> {
    const items = Array.from({ length: count }, (_, n) => ({ spec: testSpec(specOf(n)) }));
    const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
    return results.map(({ record }) => record.id);
  }

  it('ask the homes of their keys as soon as the jobs before them were loaded', async () => {
    await begin();
    const jobs = await submit(5, (n) => (n < 2 ? {} : { concurrencyKey: `k${n}` }));
    await shard.kit.advance(1_000);
    await shard.stop();
    shard.work.length = 0;
    await shard.start();
    // Less than until the next tick.
    await shard.kit.advance(500);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual(jobs.slice(0, 4));
  });

  it.each<[string, Partial<JobSpec>]>([
    ['no node has their handler', { handler: 'no.node' }],
    ['their key is full', { concurrencyKey: 'k' }],
    ['their route has no room', { handlerVersion: '1.0.0' }],
  ])('are those that had their turn and wait because %s', async (_name, spec) => {
    await begin();
    shard.missing.add('no.node');
    const jobs: JobId[] = [];
    for (let n = 0; n < 3; n += 1) jobs.push(...(await submit(200, () => spec)));
    // Facts that JetStream may still lose count as memory, too.
    await shard.kit.advance(25_000);
    expect(shard.memory.usedBytes).toBeLessThan(400_000);
    shard.missing.clear();
    await shard.kit.advance(1_000);
    const order: JobId[] = [];
    for (let idle = 0; idle < 20; idle += 1) {
      for (let id = await runNext(); id !== undefined; id = await runNext()) {
        order.push(id);
        idle = 0;
      }
      await shard.kit.advance(100);
    }
    expect(order).toEqual(jobs);
  });

  async function runNext(): Promise<JobId | undefined> {
    const message = shard.work.shift();
    if (message === undefined) return undefined;
    const { jobId, epoch, again = 0 } = message;
    const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
    if (claimed.kind !== 'granted') throw new Error(claimed.kind);
    await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
    return jobId;
  }
});
