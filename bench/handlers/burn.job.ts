/** Burns a given amount of CPU. */
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { burn } from './burn.ts';

export default defineHandler({
  name: 'bench.burn',
  version: '1.0.0',
  input: z.object({ rounds: z.number().int().min(1) }),
  run: ({ rounds }) => burn({ rounds }),
});
