/** Whose turn it is does not depend on how fairness keys are spelled. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../../../src/actors/shard/flow/fair-queue.ts';
import { ColdJobs } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';
import { testRecord } from '../../../../support/jobs.ts';
import { halfWords, hardWords, prototypeNames } from '../../../../support/words.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function entryOf(fairnessKey: string): JobEntry {
  return { current: testRecord({ fairnessKey }) } as JobEntry;
}

function queueOf(isHeld: (entry: JobEntry) => boolean = () => true): FairQueue {
  const jobs = new ColdJobs(0);
  const cold = {
    isTight: false,
    headShare: 1,
    shapeOf: (slot: number) => jobs.shapeOf(slot),
    newTail: () => jobs.newTail(),
    readyAtMs: () => 0,
    cool: () => undefined,
    load: () => undefined,
  };
  return new FairQueue({
    isHeld,
    monotonicMs: () => 0,
    cold,
    batch: () => 8,
    coldTurn: () => 'may load' as const,
    loaded: () => undefined,
  });
}

/** The keys of the jobs in the order in which their turns come, of lines with `each` jobs. */
function turns(keys: readonly string[], each: number, weights: Readonly<Record<string, number>> = {}): string[] {
  const line = queueOf();
  line.setWeights(weights);
  for (const key of keys) for (let job = 0; job < each; job += 1) line.push(entryOf(key));
  const served: string[] = [];
  const use = ({ current }: JobEntry): boolean => served.push(current.spec.fairnessKey ?? '(none)') > 0;
  while (line.shift(() => true, use) === 'used');
  return served;
}

const word = fc.oneof(fc.constantFrom(...hardWords, ...halfWords), fc.string({ unit: 'binary', maxLength: 64 }));
const two = fc.uniqueArray(word, { minLength: 2, maxLength: 2 });

describe('the line of a queue', () => {
  it('lets any two keys without weights take turns', () => {
    fc.assert(
      fc.property(two, (keys) => {
        const served = turns(keys, 20);
        for (let turn = 0; turn < 40; turn += 2) expect(new Set(served.slice(turn, turn + 2))).toEqual(new Set(keys));
      }),
      { examples: prototypeNames.map((name) => [['alice', name]]) },
    );
  });

  it('gives any key the weight that its queue says', () => {
    fc.assert(
      fc.property(two, ([heavy = '', light = '']) => {
        // As it comes out of the store.
        const weights = JSON.parse(JSON.stringify(Object.fromEntries([[heavy, 3]]))) as Record<string, number>;
        const served = turns([heavy, light], 30, weights);
        expect(served.slice(0, 40).filter((key) => key === heavy)).toHaveLength(30);
      }),
      { examples: prototypeNames.map((name) => [[name, 'alice']]) },
    );
  });
});

it('a line holds none of its jobs that had their turn, or had left before it came', async () => {
  const left = new WeakSet<JobEntry>();
  const line = queueOf((entry) => !left.has(entry));
  const jobs = Array.from({ length: 20 }, (_, at) => {
    const entry = entryOf('alice');
    line.push(entry);
    if (at % 3 === 0) left.add(entry);
    return new WeakRef(entry);
  });
  for (let turn = 0; turn < 6; turn += 1)
    expect(
      line.shift(
        () => true,
        () => true,
      ),
    ).toBe('used');
  // A reference that was made in this turn holds its job until the turn ends.
  await new Promise(setImmediate);
  collectGarbage();
  expect(jobs.map((job) => job.deref() !== undefined)).toEqual(jobs.map((_, at) => at >= 9));
  expect(
    line.shift(
      () => true,
      () => true,
    ),
  ).toBe('used');
});

describe('lines whose jobs have all left', () => {
  it('are looked at once, and not at each turn of the others', () => {
    const left = new Set<JobEntry>();
    let looks = 0;
    const isHeld = (entry: JobEntry): boolean => {
      looks += 1;
      return !left.has(entry);
    };
    const line = queueOf(isHeld);
    for (let key = 0; key < 500; key += 1) {
      const entry = entryOf(`gone-${key}`);
      left.add(entry);
      line.push(entry);
    }
    const stays = Array.from({ length: 200 }, () => entryOf('stays'));
    for (const entry of stays) line.push(entry);
    let turnsTaken = 0;
    const use = (): boolean => (turnsTaken += 1) > 0;
    // The line of those that stay has had much, so those that left would come first.
    while (line.shift(() => true, use) === 'used');
    expect(turnsTaken).toBe(stays.length);
    expect(looks).toBeLessThan(2 * (left.size + stays.length));
  });

  it('are filled again in the order of the places of their jobs', () => {
    const line = queueOf();
    const jobs = Array.from({ length: 6 }, (_, place) => Object.assign(entryOf('k'), { place }));
    for (const entry of jobs.slice(3)) line.push(entry);
    for (const at of [1, 0, 2]) line.putBack(jobs[at] ?? entryOf('none'));
    const order: number[] = [];
    const use = ({ place }: JobEntry): boolean => order.push(place) > 0;
    while (line.shift(() => true, use) === 'used');
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
