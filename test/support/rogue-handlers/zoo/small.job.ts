import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Requests its own memory class and holds its thread for a while. */
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
