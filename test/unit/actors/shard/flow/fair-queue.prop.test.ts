/** Whose turn it is does not depend on how fairness keys are spelled. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../../../src/actors/shard/flow/fair-queue.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';
import { testRecord } from '../../../../support/jobs.ts';
import { halfWords, hardWords, prototypeNames } from '../../../../support/words.ts';

function entryOf(fairnessKey: string): JobEntry {
  return { current: testRecord({ fairnessKey }) } as JobEntry;
}

/** The keys of the jobs in the order in which their turns come, of lines with `each` jobs. */
function turns(keys: readonly string[], each: number, weights: Readonly<Record<string, number>> = {}): string[] {
  const line = new FairQueue(
    () => true,
    () => 0,
  );
  line.setWeights(weights);
  for (const key of keys) for (let job = 0; job < each; job += 1) line.push(entryOf(key));
  const served: string[] = [];
  const use = ({ current }: JobEntry): boolean => served.push(current.spec.fairnessKey ?? '(none)') > 0;
  while (line.shift(() => true, use));
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
