/**
 * Saves checkpoints in a synchronous loop, one per iteration, and never waits; then it fails. An attempt that finds a
 * checkpoint returns it instead.
 */
import { defineHandler, fail } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'test.hurries',
  input: z.object({ rounds: z.int(), ms: z.number() }),
  async run({ rounds, ms }, ctx) {
    if (ctx.lastCheckpoint !== undefined) return { found: ctx.lastCheckpoint };
    const endMs = performance.now() + ms;
    const bytes = new Uint8Array(4);
    let round = 0;
    for (; round < rounds || performance.now() < endMs; round += 1) {
      new DataView(bytes.buffer).setUint32(0, round);
      void ctx.checkpoint(bytes);
    }
    const refusals = await Promise.all(
      [undefined, () => 1, new Map(), new Uint8Array(1_048_577)].map(async (value) => {
        try {
          await ctx.checkpoint(value);
          return 'saved';
        } catch (error) {
          return (error as Error).name;
        }
      }),
    );
    throw fail(`${round} rounds`, { code: refusals.join() });
  },
});
