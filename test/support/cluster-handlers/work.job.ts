import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { note } from './ledger.ts';

/** Some CPU work whose every run is written down; its result depends on its input alone. */
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
