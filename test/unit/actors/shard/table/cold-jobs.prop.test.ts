/** The arena of cold jobs and its tails do what a plain map of jobs would. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColdJob, ColdJobs, type ColdShape } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import { QueueIndex } from '../../../../../src/actors/shard/table/queue-index.ts';
import { hashOfId } from '../../../../../src/actors/shard/table/slot-hash.ts';
import {
  bucketMs,
  idTimeMaxMs,
  type JobId,
  jobIdOf,
  jobIdParts,
  uniquePartOf,
} from '../../../../../src/domain/job-id.ts';
import { given } from '../../../../../src/domain/given.ts';
import { testSpec } from '../../../../support/jobs.ts';

const shard = 4095;
const tailsCount = 3;
const names = ['__proto__', '', '1', '+', '-1'];

const indexes = [new QueueIndex('tenant', '__proto__'), new QueueIndex('tenant', 'other')];
const tallies = indexes.map((index) => index.tallyOf(testSpec()));

/** Parts of ids whose slots lie in one segment of the hash and want the same cell of its smallest tables. */
function collidingUniques(createdAtMs: number, count: number): number[] {
  const wanted = hashOfId(createdAtMs, 0);
  const found: number[] = [];
  for (let unique = 0; found.length < count; unique += 1) {
    const hash = hashOfId(createdAtMs, unique);
    if (hash >>> 25 === wanted >>> 25 && (hash & 7) === (wanted & 7)) found.push(unique);
  }
  return found;
}

const atMs = 1_700_000_000_000;
const times = [0, atMs, idTimeMaxMs - bucketMs, idTimeMaxMs];
const ids: readonly JobId[] = [
  ...[7, 8].flatMap((queueNo) =>
    collidingUniques(atMs, 12).map((unique) => jobIdOf({ createdAtMs: atMs, shard, queueNo }, unique)),
  ),
  ...times.flatMap((createdAtMs) =>
    [0, 1, 2 ** 32, 2 ** 42 - 1].map((unique) => jobIdOf({ createdAtMs, shard, queueNo: 7 }, unique)),
  ),
].filter((id, at, all) => all.indexOf(id) === at);

interface ModelJob extends ColdJob {
  readonly slot: number;
  watchedAtMs: number;
  tail: number | undefined;
  place: number;
}

const instant = fc.oneof(fc.nat({ max: 5 }), fc.constant(Infinity));
const details = fc.record({
  keys: fc.record({
    priority: fc.constantFrom(undefined, 0),
    fairnessKey: fc.constantFrom(undefined, ...names),
    concurrencyKey: fc.constantFrom(undefined, ...names),
  }),
  of: fc.nat({ max: indexes.length - 1 }),
  state: fc.constantFrom('QUEUED', 'SCHEDULED', 'RETRYING'),
  readyAtMs: fc.nat(),
  deadlineAtMs: instant,
  place: fc.nat({ max: 4 }),
  inputBytes: fc.maxSafeNat(),
});
const tail = fc.nat({ max: tailsCount - 1 });
const id = fc.constantFrom(...ids);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), id, details }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('watch' as const), id, atMs: instant }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeDue' as const), nowMs: fc.nat({ max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), id, tail }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('take' as const), tail }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('setPlace' as const), id, place: fc.nat({ max: 4 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const byAge = (one: ModelJob, other: ModelJob): number => {
  const [left, right] = [jobIdParts(one.id), jobIdParts(other.id)];
  const byTime = left.createdAtMs - right.createdAtMs || uniquePartOf(one.id) - uniquePartOf(other.id);
  return byTime || left.queueNo - right.queueNo;
};

class Both {
  readonly cold = new ColdJobs(shard);
  readonly jobs = new Map<JobId, ModelJob>();
  readonly tails = Array.from({ length: tailsCount }, () => this.cold.newTail());

  do(order: Step): void {
    switch (order.do) {
      case 'add':
        this.#add(order.id, order.details);
        return;
      case 'takeDue': {
        const due = this.#watched().find(({ watchedAtMs }) => watchedAtMs <= order.nowMs);
        expect(this.cold.takeDue(order.nowMs)).toBe(due?.slot);
        if (due !== undefined) due.watchedAtMs = Infinity;
        return;
      }
      case 'take': {
        const [first] = this.#inTail(order.tail);
        expect(this.tails[order.tail]?.take()).toBe(first?.slot);
        if (first !== undefined) first.tail = undefined;
        return;
      }
      case 'remove':
      case 'watch':
      case 'push':
      case 'setPlace': {
        const job = this.jobs.get(order.id);
        if (job !== undefined) this.#change(job, order);
      }
    }
  }

  #add(jobId: JobId, { keys, of, ...rest }: (Step & { do: 'add' })['details']): void {
    const [index = indexes[0], tally = tallies[0]] = [indexes[of], tallies[of]];
    if (index === undefined || tally === undefined) return;
    const shape: ColdShape = { index, tally, queueNo: jobIdParts(jobId).queueNo, ...given(keys) };
    const job = { id: jobId, shape, ...rest };
    if (this.jobs.has(jobId)) {
      expect(() => this.cold.add(job)).toThrow('cold already');
      return;
    }
    const slot = this.cold.add(job);
    this.jobs.set(jobId, { ...job, slot, watchedAtMs: job.deadlineAtMs, tail: undefined });
  }

  #change(job: ModelJob, order: Exclude<Step, { do: 'add' | 'takeDue' | 'take' }>): void {
    switch (order.do) {
      case 'remove':
        this.cold.remove(job.slot);
        this.jobs.delete(job.id);
        return;
      case 'watch':
        this.cold.watch(job.slot, order.atMs);
        job.watchedAtMs = order.atMs;
        return;
      case 'push':
        this.tails[order.tail]?.push(job.slot);
        job.tail = order.tail;
        return;
      case 'setPlace':
        if (job.tail !== undefined) {
          expect(() => this.cold.setPlace(job.slot, order.place)).toThrow('in a tail');
          return;
        }
        this.cold.setPlace(job.slot, order.place);
        job.place = order.place;
    }
  }

  expectSame(): void {
    const { cold, jobs } = this;
    expect(cold.size).toBe(jobs.size);
    expect(new Set(cold.slots())).toEqual(new Set([...jobs.values()].map(({ slot }) => slot)));
    expect(ids.map((each) => cold.find(each))).toEqual(ids.map((each) => jobs.get(each)?.slot));
    for (const { slot, ...job } of jobs.values()) {
      expect(cold.idOf(slot)).toBe(job.id);
      const { index, tally, ...shape } = cold.shapeOf(slot);
      expect(index === job.shape.index && tally === job.shape.tally).toBe(true);
      expect({ index, tally, ...shape }).toEqual(job.shape);
      const numbers = [cold.readyAtMs(slot), cold.placeOf(slot), cold.inputBytes(slot), cold.stateOf(slot)];
      expect(numbers).toEqual([job.readyAtMs, job.place, job.inputBytes, job.state]);
    }
    expect(cold.nextDeadlineAtMs()).toBe(this.#watched()[0]?.watchedAtMs ?? Infinity);
    for (const [no, each] of this.tails.entries()) {
      const inOrder = this.#inTail(no);
      expect([each.size, each.first]).toEqual([inOrder.length, inOrder[0]?.slot]);
      expect(each.firstPlace).toBe(inOrder[0]?.place ?? Infinity);
      expect(new Set(each.slots())).toEqual(new Set(inOrder.map(({ slot }) => slot)));
    }
  }

  expectTailsInOrder(): void {
    for (const no of this.tails.keys()) {
      const inOrder = this.#inTail(no);
      for (const job of inOrder) {
        expect(this.tails[no]?.take()).toBe(job.slot);
        job.tail = undefined;
      }
    }
  }

  #watched(): ModelJob[] {
    const watched = [...this.jobs.values()].filter(({ watchedAtMs }) => watchedAtMs !== Infinity);
    return watched.sort((one, other) => one.watchedAtMs - other.watchedAtMs || byAge(one, other));
  }

  #inTail(no: number): ModelJob[] {
    const jobs = [...this.jobs.values()].filter((job) => job.tail === no);
    return jobs.sort((one, other) => one.place - other.place || byAge(one, other));
  }
}

describe('cold jobs against a plain model', () => {
  it('are the same after each step, and leave nothing behind', () => {
    const emptyBytes = (cold: ColdJobs): number => {
      for (const slot of cold.slots()) cold.remove(slot);
      return cold.bytes;
    };
    const chunkBytes = emptyBytes(withOne());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const both = new Both();
        for (const order of steps) {
          both.do(order);
          both.expectSame();
        }
        both.expectTailsInOrder();
        const hadJobs = steps.some((order) => order.do === 'add');
        expect(emptyBytes(both.cold)).toBe(hadJobs ? chunkBytes : 0);
        expect(both.tails.map(({ size }) => size)).toEqual([0, 0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});

function withOne(): ColdJobs {
  const both = new Both();
  const rest = { of: 0, state: 'QUEUED', readyAtMs: 0, deadlineAtMs: 1, place: 0, inputBytes: 0 } as const;
  const keys = { priority: undefined, fairnessKey: undefined, concurrencyKey: undefined };
  for (const each of ids.slice(0, 1)) both.do({ do: 'add', id: each, details: { keys, ...rest } });
  return both.cold;
}
