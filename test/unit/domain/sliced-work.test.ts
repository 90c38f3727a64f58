/** A sort in slices sorts as any stable sort does, and no step of it is long. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sortedInSlices, type SlicedWork } from '../../../src/domain/sliced-work.ts';

const stepMax = 500;

function run<T>(work: SlicedWork<T>): { readonly result: T; readonly steps: readonly number[] } {
  const steps: number[] = [];
  for (let next = work.next(); ; next = work.next()) {
    if (next.done === true) return { result: next.value, steps };
    steps.push(next.value);
  }
}

const byKey = (one: { readonly key: number }, other: { readonly key: number }): number => one.key - other.key;

it('sorts, and leaves equal ones in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 3_000, size: 'max' }), (keys) => {
      const items = keys.map((key, at) => ({ key, at }));
      expect(run(sortedInSlices(items, byKey)).result).toEqual(items.toSorted(byKey));
    }),
    { numRuns: 50 },
  );
});

it.each([
  ['in reverse order', (at: number) => -at],
  ['mixed', (at: number) => (at * 7_919) % 10_007],
])('compares a bounded number of items in each step if they are %s', (_what, keyOf) => {
  let [compared, most] = [0, 0];
  const items = Array.from({ length: 10_000 }, (_, at) => ({ key: keyOf(at) }));
  const work = sortedInSlices(items, (one, other) => {
    compared += 1;
    return byKey(one, other);
  });
  for (let next = work.next(); next.done !== true; next = work.next()) {
    expect(next.value).toBeLessThanOrEqual(stepMax);
    most = Math.max(most, compared);
    compared = 0;
  }
  // A run of 500 takes some 4,000 comparisons to sort.
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(10 * stepMax);
});

it('looks at a list that is in order once', () => {
  let compared = 0;
  const items = Array.from({ length: 10_000 }, (_, at) => ({ key: at }));
  run(
    sortedInSlices(items, (one, other) => {
      compared += 1;
      return byKey(one, other);
    }),
  );
  expect(compared).toBeLessThanOrEqual(items.length);
});
