/** Each seeded bug is found, by a check of the promise that it breaks; else the simulation proves nothing. */
import { describe, expect, it } from 'vitest';
import { mutations } from '../support/simulation/mutations.ts';
import { simulate } from '../support/simulation/simulation.ts';

describe('a seeded bug is caught', () => {
  it.each(Object.entries(mutations))('%s', async (_name, { breaks, within, ...options }) => {
    const found = new Set<number>();
    for (let seed = 1; seed <= within && found.size === 0; seed += 1) {
      for (const { promise } of (await simulate(seed, options)).findings) {
        if (breaks.includes(promise)) found.add(promise);
      }
    }
    expect([...found]).not.toEqual([]);
  });
});
