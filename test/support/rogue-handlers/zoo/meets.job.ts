import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/**
 * Returns when a given number of its kind run at the same time. Each creates a file with its name in a folder and
 * counts the files.
 */
export default defineHandler({
  name: 'meets',
  input: z.object({ folder: z.string(), name: z.string(), of: z.int() }),
  async run({ folder, name, of }) {
    writeFileSync(join(folder, name), '');
    while (readdirSync(folder).length < of) await sleep(5);
    return { met: of };
  },
});
