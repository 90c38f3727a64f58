/** The arena of cold jobs: what it says of each, what it refuses, and that its memory goes with its jobs. */
import { describe, expect, it } from 'vitest';
import { type ColdJob, ColdJobs, type ColdShape } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import { ColdShapes } from '../../../../../src/actors/shard/table/cold-shapes.ts';
import { ColdTail, TailNumbers } from '../../../../../src/actors/shard/table/cold-tail.ts';
import { SlotColumns } from '../../../../../src/actors/shard/table/slot-columns.ts';
import { AllocatedBytes } from '../../../../../src/actors/shard/table/slot-list.ts';
import { tailOrder } from '../../../../../src/actors/shard/table/slot-orders.ts';
import { QueueIndex } from '../../../../../src/actors/shard/table/queue-index.ts';
import { composeJobId, type JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';

const index = new QueueIndex('tenant', 'queue');
const shape: ColdShape = { index, tally: index.tallyOf(testSpec()), queueNo: 7 };
/** What stays allocated of an arena whose jobs have left: one chunk. */
const emptyBytesMax = 280_000;

function idOf(n: number, queueNo = 7, shard = 3): JobId {
  return composeJobId({ createdAtMs: 1_700_000_000_000 + n, shard, queueNo }, BigInt(n));
}

function job(n: number, overrides: Partial<ColdJob> = {}): ColdJob {
  const plain = { state: 'QUEUED', readyAtMs: n, deadlineAtMs: Infinity, place: n, inputBytes: 10 } as const;
  return { id: idOf(n), shape, ...plain, ...overrides };
}

function idsOf(cold: ColdJobs, tail: ColdTail): JobId[] {
  const ids: JobId[] = [];
  for (let slot = tail.take(); slot !== undefined; slot = tail.take()) ids.push(cold.idOf(slot));
  return ids;
}

describe('tails of cold jobs', () => {
  it('have a number only while they have jobs', () => {
    const bytes = new AllocatedBytes();
    const columns = new SlotColumns(bytes);
    const tails = new TailNumbers(columns, tailOrder(columns, new ColdShapes(bytes)), bytes);
    const slots = [1, 1, 1].map((state) => columns.use(state));
    for (const slot of slots) columns.at(slot).place[slot] = slot;
    const full = slots.map((slot) => {
      const tail = new ColdTail(tails);
      tail.push(slot);
      return tail;
    });
    expect([tails.size, slots.map((slot) => tails.noOf(slot))]).toEqual([3, [1, 2, 3]]);
    expect(full[1]?.take()).toBe(slots[1]);
    expect([tails.size, slots.map((slot) => tails.noOf(slot))]).toEqual([2, [1, 0, 3]]);
    full[0]?.push(slots[1] ?? -1);
    new ColdTail(tails).push(slots[2] ?? -1);
    expect([tails.size, slots.map((slot) => tails.noOf(slot))]).toEqual([2, [1, 1, 3]]);
    for (const slot of slots) tails.leave(slot);
    expect([tails.size, full.map(({ size }) => size)]).toEqual([0, [0, 0, 0]]);
  });
});

describe('the jobs of a tail before a place', () => {
  it('are counted up to a bound, in whatever order they came and left', () => {
    const cold = new ColdJobs(3);
    const tail = cold.newTail();
    for (let n = 0; n < 500; n += 1) tail.push(cold.add(job((n * 7) % 500)));
    for (let n = 0; n < 500; n += 5) cold.remove(cold.find(idOf(n)) ?? -1);
    for (const place of [-1, 0, 1, 6, 250, 499, 500, Infinity]) {
      const before = [...tail.slots()].filter((slot) => cold.placeOf(slot) < place).length;
      expect(tail.countBefore(place, 10_000)).toBe(before);
      expect(tail.countBefore(place, 100)).toBe(Math.min(100, before));
    }
    expect(cold.newTail().countBefore(Infinity, 100)).toBe(0);
  });
});

describe('cold jobs', () => {
  it('say again what was said of them', () => {
    const cold = new ColdJobs(3);
    const keyed = { ...shape, priority: 4, fairnessKey: '__proto__', concurrencyKey: 'toString' } as const;
    const slot = cold.add(job(5, { shape: keyed, state: 'RETRYING', readyAtMs: 77, inputBytes: 5 * 2 ** 40 }));
    expect(cold.idOf(slot)).toBe(idOf(5));
    expect(cold.find(idOf(5))).toBe(slot);
    expect(cold.shapeOf(slot)).toEqual(keyed);
    expect(cold.shapeOf(cold.add(job(6)))).toEqual(shape);
    expect(cold.stateOf(slot)).toBe('RETRYING');
    expect([cold.readyAtMs(slot), cold.placeOf(slot), cold.inputBytes(slot)]).toEqual([77, 5, 5 * 2 ** 40]);
    expect([...cold.slots()].map((each) => cold.idOf(each))).toEqual([idOf(5), idOf(6)]);
  });

  it('are found by the whole id', () => {
    const cold = new ColdJobs(3);
    const slot = cold.add(job(5));
    const other = cold.add(job(5, { id: idOf(5, 8), shape: { ...shape, queueNo: 8 } }));
    expect([cold.find(idOf(5)), cold.find(idOf(5, 8))]).toEqual([slot, other]);
    expect([cold.find(idOf(6)), cold.find(idOf(5, 9)), cold.find(idOf(5, 7, 4))]).toEqual(Array(3).fill(undefined));
  });

  it('are refused when they are there already, or of another shard or queue', () => {
    const cold = new ColdJobs(3);
    cold.add(job(5));
    expect(() => cold.add(job(5))).toThrow('cold already');
    expect(() => cold.add(job(6, { id: idOf(6, 8) }))).toThrow('not of here');
    expect(() => cold.add(job(6, { id: idOf(6, 7, 4) }))).toThrow('not of here');
    expect(cold.size).toBe(1);
  });

  it('are gone when they are removed, and their slots serve others', () => {
    const cold = new ColdJobs(3);
    const slot = cold.add(job(5, { deadlineAtMs: 9 }));
    const tail = cold.newTail();
    tail.push(slot);
    cold.remove(slot);
    expect([cold.size, tail.size, tail.first, tail.firstPlace]).toEqual([0, 0, undefined, Infinity]);
    expect([cold.nextDeadlineAtMs(), cold.takeDue(10), cold.find(idOf(5))]).toEqual([Infinity, undefined, undefined]);
    expect(() => cold.idOf(slot)).toThrow('no job');
    expect(cold.add(job(6))).toBe(slot);
    expect(cold.takeDue(Infinity)).toBeUndefined();
  });

  it('have a shape of their own again after the last job of it left', () => {
    const cold = new ColdJobs(3);
    cold.remove(cold.add(job(1)));
    const again = cold.add(job(2));
    const other = cold.add(job(3, { shape: { ...shape, priority: 0 } }));
    expect([cold.shapeOf(again), cold.shapeOf(other)]).toEqual([shape, { ...shape, priority: 0 }]);
  });

  it('are due once, the earliest first, and as often as they are watched', () => {
    const cold = new ColdJobs(3);
    const [late, soon] = [cold.add(job(1, { deadlineAtMs: 20 })), cold.add(job(2, { deadlineAtMs: 10 }))];
    const never = cold.add(job(3));
    expect(cold.nextDeadlineAtMs()).toBe(10);
    expect([cold.takeDue(9), cold.takeDue(20), cold.takeDue(20), cold.takeDue(20)]).toEqual([
      undefined,
      soon,
      late,
      undefined,
    ]);
    cold.watch(never, 5);
    cold.watch(late, 6);
    cold.watch(never, 7);
    expect([cold.takeDue(9), cold.takeDue(9), cold.takeDue(9)]).toEqual([late, never, undefined]);
    cold.watch(soon, 8);
    cold.watch(soon, Infinity);
    expect(cold.nextDeadlineAtMs()).toBe(Infinity);
  });

  it('go by place, then by age, whatever the order in which they came', () => {
    const cold = new ColdJobs(3);
    const tail = cold.newTail();
    for (const [n, place] of [
      [4, 1],
      [2, 2],
      [1, 2],
      [3, 0],
    ] as const) {
      tail.push(cold.add(job(n, { place })));
    }
    expect(tail.firstPlace).toBe(0);
    expect(idsOf(cold, tail)).toEqual([3, 4, 1, 2].map((n) => idOf(n)));
    expect(cold.size).toBe(4);
  });

  it('are in one tail at most, and change their place in none', () => {
    const cold = new ColdJobs(3);
    const [one, other] = [cold.newTail(), cold.newTail()];
    const slot = cold.add(job(1));
    one.push(slot);
    other.push(slot);
    other.push(slot);
    expect([one.size, other.size]).toEqual([0, 1]);
    expect(() => cold.setPlace(slot, 9)).toThrow('in a tail');
    expect(() => one.remove(slot)).toThrow('not in this tail');
    other.remove(slot);
    cold.setPlace(slot, 9);
    expect(cold.placeOf(slot)).toBe(9);
  });

  it('need no memory after they left, and little when a few of many are left', () => {
    const cold = new ColdJobs(3);
    const tail = cold.newTail();
    const fillAndDrain = (count: number, left: number): void => {
      for (let n = 0; n < count; n += 1) {
        tail.push(cold.add(job(n, { deadlineAtMs: n, shape: { ...shape, concurrencyKey: `${n % 1_000}` } })));
      }
      expect(cold.bytes).toBeGreaterThan(count * 75);
      while (tail.size > left) cold.remove(tail.take() ?? 0);
    };
    fillAndDrain(30_000, 10);
    expect(cold.bytes).toBeLessThan(3 * emptyBytesMax);
    while (tail.size > 0) cold.remove(tail.first ?? 0);
    expect(cold.bytes).toBeLessThan(emptyBytesMax);
    const { bytes } = cold;
    fillAndDrain(30_000, 0);
    expect(cold.bytes).toBe(bytes);
  });

  it('are found, due and in order when there are many, whatever has left among them', () => {
    const cold = new ColdJobs(3);
    const tail = cold.newTail();
    const count = 30_000;
    // Steps through all numbers in a mixed order, because 7,919 is a prime that does not divide the count.
    const mixed = (n: number): number => (n * 7_919) % count;
    for (let n = 0; n < count; n += 1) tail.push(cold.add(job(mixed(n), { deadlineAtMs: mixed(n) })));
    const isLeft = (n: number): boolean => mixed(n) % 3 === 0;
    for (let n = 0; n < count; n += 1) if (!isLeft(n)) cold.remove(cold.find(idOf(n)) ?? -1);
    const left = Array.from({ length: count }, (_, n) => n).filter(isLeft);
    const places = left.map((n) => cold.placeOf(cold.find(idOf(n)) ?? -1));
    expect(places).toEqual(left);
    expect(
      Array.from({ length: count }, (_, n) => cold.find(idOf(n))).filter((slot) => slot !== undefined),
    ).toHaveLength(left.length);
    expect(left.map(() => cold.placeOf(cold.takeDue(count) ?? -1))).toEqual(left);
    expect(left.map(() => cold.placeOf(tail.take() ?? -1))).toEqual(left);
    expect([cold.size, tail.size]).toEqual([left.length, 0]);
  });

  it('may be removed while one looks at all of them', () => {
    const cold = new ColdJobs(3);
    for (let n = 0; n < 10_000; n += 1) cold.add(job(n));
    let seen = 0;
    for (const slot of cold.slots()) {
      cold.remove(slot);
      seen += 1;
    }
    expect([seen, cold.size]).toEqual([10_000, 0]);
  });
});
