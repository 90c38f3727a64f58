/**
 * Continues from the checkpoint of an earlier attempt. Waits for the gate before its last step, and saves once more if
 * it is stopped there.
 */
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { note, untilOpen } from '../cluster-handlers/ledger.ts';

const padding = 'x'.repeat(20_000);

export default defineHandler({
  name: 'test.steps',
  cancelGrace: '10s',
  input: z.object({ gate: z.string(), ledger: z.string(), steps: z.int().min(1) }),
  async run({ gate, ledger, steps }, ctx) {
    const found =
      z
        .object({ done: z.array(z.string()) })
        .optional()
        .parse(ctx.lastCheckpoint)?.done ?? [];
    const done = [...found];
    while (done.length < steps - 1) {
      done.push(`${ctx.attempt}.${done.length}`);
      await ctx.checkpoint({ done, padding });
    }
    note(ledger, ctx, 'start');
    try {
      await untilOpen(gate, ctx);
    } catch (error) {
      void ctx.checkpoint({ done: [...done, `${ctx.attempt}.stopped`], padding });
      throw error;
    }
    return { attempt: ctx.attempt, found, done };
  },
});
