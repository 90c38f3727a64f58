import { bytesOr, defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Has schemas for its input and its output. */
export default defineHandler({
  name: 'checked',
  version: '1.2.3',
  input: bytesOr(z.object({ page: z.object({ width: z.int().max(100) }), lie: z.boolean().default(false) })),
  output: z.union([z.instanceof(Uint8Array), z.object({ area: z.number() })]),
  executionTimeout: '1m',
  memory: '64MiB',
  retry: { maxAttempts: 2, initialDelay: '1s', maxDelay: '10s', coefficient: 3 },
  cancelGrace: '250ms',
  run(input) {
    if (input instanceof Uint8Array) return input.slice().reverse();
    return input.lie ? { area: 'large' as unknown as number } : { area: input.page.width ** 2 };
  },
});
