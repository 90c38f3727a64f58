import { defineHandler, fail } from 'troupe/handlers';
import { z } from 'zod';

/** Fails in its first attempts, then succeeds. */
export default defineHandler({
  name: 'test.flaky',
  input: z.object({ failures: z.int().min(0) }),
  run({ failures }, ctx) {
    if (ctx.attempt <= failures) throw fail(`attempt ${ctx.attempt} of ${failures} that fail`, { code: 'FLAKY' });
    return { attempt: ctx.attempt };
  },
});
