/** What the jobs of a soak do, each run written down; the result depends on the input alone. */
import { defineHandler, fail, reject } from 'troupe/handlers';
import { z } from 'zod';
import { note } from '../../support/cluster-handlers/ledger.ts';

export default defineHandler({
  name: 'soak.work',
  input: z.object({
    n: z.int(),
    ledger: z.string(),
    ms: z.number().min(0).max(1_000).default(2),
    /** Attempts that fail before one succeeds. */
    failures: z.int().min(0).default(0),
    rejects: z.boolean().default(false),
    /** Waits to be told to stop. */
    holds: z.boolean().default(false),
    text: z.string().default(''),
  }),
  async run({ n, ledger, ms, failures, rejects, holds, text }, ctx) {
    note(ledger, ctx, 'start');
    if (rejects) throw reject('this job is never done', { code: 'NEVER' });
    if (ctx.attempt <= failures) throw fail('not in this attempt', { code: 'LATER' });
    while (holds) {
      ctx.throwIfCancelled();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const endMs = performance.now() + ms;
    let sum = 0;
    while (performance.now() < endMs) sum += Math.sqrt(sum + n);
    note(ledger, ctx, 'end');
    return { square: n * n, ran: sum >= 0, text };
  },
});
