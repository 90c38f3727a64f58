/** A share of the seeds as a test. Two files run one share each, so that two cores are used. */
import { describe, expect, it } from 'vitest';
import { report } from './replay.ts';
import { simulate } from './simulation.ts';

export const seedsInAll = 400;
/** It takes minutes on an idle machine. The limit is generous, because a busy machine breaks no promise. */
const timeoutMs = 1_200_000;

export function describeSeeds(first: number, last: number): void {
  describe(`a cluster under faults, seeds ${first} to ${last}`, () => {
    it('keeps its promises', { timeout: timeoutMs }, async () => {
      let runs = 0;
      for (let seed = first; seed <= last; seed += 1) {
        const verdict = await simulate(seed);
        if (verdict.violations.length > 0) expect.fail(await report(verdict));
        runs += verdict.runs;
      }
      expect(runs).toBeGreaterThan(last - first);
    });
  });
}
