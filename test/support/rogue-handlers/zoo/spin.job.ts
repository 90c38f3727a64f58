import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Burns CPU for a given time. */
export default defineHandler({
  name: 'spin',
  input: z.object({ ms: z.number().min(0) }),
  run({ ms }) {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs);
    return { ms };
  },
});
