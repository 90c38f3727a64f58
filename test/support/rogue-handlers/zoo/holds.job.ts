import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Holds its thread, without using the CPU, until a file exists. */
export default defineHandler({
  name: 'holds',
  input: z.object({ until: z.string() }),
  async run({ until }) {
    while (!existsSync(until)) await sleep(10);
  },
});
