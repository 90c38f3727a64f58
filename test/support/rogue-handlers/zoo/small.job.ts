import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Asks for a class of its own, and keeps its thread for a while. */
export default defineHandler({
  name: 'small',
  input: z.object({ ms: z.number() }),
  memory: '256MiB',
  async run({ ms }) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const { resourceLimits } = await import('node:worker_threads');
    return { heapMb: resourceLimits.maxOldGenerationSizeMb };
  },
});
