import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { note, untilOpen } from './ledger.ts';

/** Holds its thread until the gate file exists. Reports progress and notices a cancel request. */
export default defineHandler({
  name: 'test.hold',
  input: z.object({ gate: z.string(), ledger: z.string(), answer: z.unknown().default('done') }),
  async run({ gate, ledger, answer }, ctx) {
    note(ledger, ctx, 'start');
    ctx.progress(0.5, 'waits at the gate');
    try {
      await untilOpen(gate, ctx);
    } catch (error) {
      note(ledger, ctx, 'stopped');
      throw error;
    }
    note(ledger, ctx, 'end');
    return answer;
  },
});
