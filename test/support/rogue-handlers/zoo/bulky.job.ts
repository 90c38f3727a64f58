import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Returns a large number of bytes. */
export default defineHandler({
  name: 'bulky',
  input: z.object({ mb: z.number() }),
  run: ({ mb }) => new Uint8Array(mb * 2 ** 20).fill(7),
});
