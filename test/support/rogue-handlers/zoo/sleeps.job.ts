import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Holds its thread for a while without using the CPU. */
export default defineHandler({
  name: 'sleeps',
  input: z.object({ ms: z.number() }),
  async run({ ms }) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { slept: ms };
  },
});
