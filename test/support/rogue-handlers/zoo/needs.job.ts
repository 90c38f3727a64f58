import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Holds this much heap for a moment and returns the limit of its thread. It allows a repeat in a larger class. */
export default defineHandler({
  name: 'needs',
  input: z.object({ mb: z.number(), ms: z.number().default(0) }),
  memory: '128MiB',
  memoryMax: '512MiB',
  async run({ mb, ms }) {
    let held: { readonly next: unknown; readonly numbers: readonly number[] } | undefined;
    for (let kb = 0; kb < mb * 1_024; kb += 10) {
      held = { next: held, numbers: Array.from({ length: 1_250 }, (_, index) => index + kb + 0.5) };
    }
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    const { resourceLimits } = await import('node:worker_threads');
    return { heapMb: resourceLimits.maxOldGenerationSizeMb, held: held !== undefined };
  },
});
