import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** An input with rules, and an output as large as asked for. */
export default defineHandler({
  name: 'test.sized',
  input: z.object({ bytes: z.int().min(0), page: z.object({ width: z.int().max(100) }).optional() }),
  run: ({ bytes }) => new Uint8Array(bytes).fill(7),
});
