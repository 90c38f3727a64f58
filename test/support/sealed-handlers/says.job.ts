/** Puts a word into everything that a handler can leave behind, and fails until its last attempt. */
import { defineHandler, fail, reject } from 'troupe/handlers';
import { z } from 'zod';
import { untilOpen } from '../cluster-handlers/ledger.ts';

export default defineHandler({
  name: 'sealed.says',
  input: z.object({ word: z.string(), gate: z.string(), times: z.int(), ends: z.enum(['well', 'badly']) }),
  async run({ word, gate, times, ends }, ctx) {
    ctx.log.info(`log ${word}`);
    process.stdout.write(`printed ${word}\n`);
    ctx.progress(0.5, `note ${word}`);
    await ctx.checkpoint({ saved: word, before: ctx.lastCheckpoint ?? null });
    if (ctx.attempt === 1) throw fail(`message ${word}`, { code: 'PLAIN_CODE', cause: new Error(`cause ${word}`) });
    await untilOpen(gate, ctx);
    if (ends === 'badly') throw reject(`message ${word}`, { cause: new Error(`cause ${word}`) });
    return { said: word.repeat(times), found: ctx.lastCheckpoint };
  },
});
