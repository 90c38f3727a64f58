/** Each seeded bug is found, by a check of the promise that it breaks; else the simulation proves nothing. */
import { describe, expect, it } from 'vitest';
import { mutations } from '../support/simulation/mutations.ts';
import { simulate } from '../support/simulation/simulation.ts';

/** All seeds up to the last, each once, beginning with the first to be tried. */
function seedsFrom(first: number, last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => ((first - 1 + index) % last) + 1);
}

describe('a seeded bug is caught', () => {
  it.each(Object.entries(mutations))('%s', async (_name, { breaks, within, firstTried = 1, ...options }) => {
    const found = new Set<number>();
    for (const seed of seedsFrom(firstTried, within)) {
      if (found.size > 0) break;
      for (const { promise } of (await simulate(seed, options)).findings) {
        if (breaks.includes(promise)) found.add(promise);
      }
    }
    expect([...found]).not.toEqual([]);
  });
});
