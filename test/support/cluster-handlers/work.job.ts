import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { note } from './ledger.ts';

/** Does some CPU work and records every attempt. Its result depends only on its input. */
export default defineHandler({
  name: 'test.work',
  input: z.object({ n: z.int(), ms: z.number().min(0).max(10_000), ledger: z.string() }),
  run({ n, ms, ledger }, ctx) {
    note(ledger, ctx, 'start');
    const endMs = performance.now() + ms;
    let sum = 0;
    while (performance.now() < endMs) sum += Math.sqrt(sum + n);
    note(ledger, ctx, 'end');
    return { square: n * n, ran: sum >= 0 };
  },
});
