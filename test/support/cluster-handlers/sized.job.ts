import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Has an input schema, and returns an output of the requested size. */
export default defineHandler({
  name: 'test.sized',
  input: z.object({ bytes: z.int().min(0), page: z.object({ width: z.int().max(100) }).optional() }),
  run: ({ bytes }) => new Uint8Array(bytes).fill(7),
});
