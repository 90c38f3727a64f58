import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** A synchronous loop that only gives signs of life, for a given time. */
export default defineHandler({
  name: 'beats',
  input: z.object({ ms: z.number() }),
  run({ ms }, ctx) {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) ctx.heartbeat();
    return { beaten: ms };
  },
});
