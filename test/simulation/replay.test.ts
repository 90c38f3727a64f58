/** The same seed gives the same run to the last line of its trace; a failed one says how to see it again. */
import { describe, expect, it } from 'vitest';
import { mutations } from '../support/simulation/mutations.ts';
import { replay, report } from '../support/simulation/replay.ts';
import { simulate } from '../support/simulation/simulation.ts';

describe('a simulated run', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('of seed %i is the same each time, watched or not', async (seed) => {
    const [first, second] = [await replay(seed), await replay(seed)];
    expect(second.trace).toEqual(first.trace);
    expect(await simulate(seed)).toEqual(first.verdict);
    expect(first.trace.length).toBeGreaterThan(10);
  });

  it('is the same wherever it is begun: a thread begins one when it is told to', async () => {
    const begun = Promise.withResolvers<ReturnType<typeof simulate>>();
    setImmediate(() => {
      begun.resolve(simulate(8));
    });
    expect(await begun.promise).toEqual(await simulate(8));
  });

  it('of another seed is another one', async () => {
    expect((await replay(1)).trace).not.toEqual((await replay(2)).trace);
  });

  it('that fails names its seed, the broken promise and the command, and shows what happened before', async () => {
    const change = mutations['events are told before the commit']?.change;
    const { violations } = await simulate(3, change === undefined ? {} : { change });
    expect(violations[0]).toMatch(/^promise 6: event \d+ \(\w+\) of [0-9a-f-]{36} was told before it was durable/);
    const text = await report({ ...(await simulate(3)), violations });
    expect(text).toContain('npm run simulate -- --seed 3');
    expect(text).toContain(violations[0]);
    expect(text).toMatch(/seed +3: \{"kind"/);
  });
});
