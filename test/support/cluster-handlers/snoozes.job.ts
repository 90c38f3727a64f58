/** Snoozes a given number of times, then succeeds. */
import { defineHandler, snooze } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'test.snoozes',
  input: z.object({ times: z.int().min(0), delay: z.string() }),
  run({ times, delay }, ctx) {
    if (ctx.attempt <= times) throw snooze(delay);
    return { attempt: ctx.attempt, atMs: Date.now() };
  },
});
