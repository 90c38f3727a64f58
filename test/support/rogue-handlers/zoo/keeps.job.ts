import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

const kept: Uint8Array[] = [];

/** Leaves buffers behind in its thread after it has ended. */
export default defineHandler({
  name: 'keeps',
  input: z.object({ mb: z.number() }),
  run({ mb }) {
    setTimeout(() => kept.push(new Uint8Array(mb * 2 ** 20).fill(1)), 100);
    return kept.length;
  },
});
