/** Logs a given number of lines, waits at the gate and logs another one. Fails the first attempt on request. */
import { defineHandler, fail } from 'troupe/handlers';
import { z } from 'zod';
import { untilOpen } from './ledger.ts';

export default defineHandler({
  name: 'test.talks',
  input: z.object({ lines: z.int(), gate: z.string(), fails: z.boolean().default(false) }),
  async run({ lines, gate, fails }, ctx) {
    for (let n = 1; n <= lines; n += 1) ctx.log.info(`line ${n}`);
    if (fails && ctx.attempt === 1) throw fail('as it was asked to');
    await untilOpen(gate, ctx);
    ctx.log.warn('the last one');
  },
});
