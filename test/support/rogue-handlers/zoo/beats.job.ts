import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** A synchronous loop that does nothing but give signs of life, for so long. */
export default defineHandler({
  name: 'beats',
  input: z.object({ ms: z.number() }),
  run({ ms }, ctx) {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) ctx.heartbeat();
    return { beaten: ms };
  },
});
