/** Occupies its thread until a file appears: that is how the bench keeps workers busy while a backlog is made. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

const pollMs = 10;

export default defineHandler({
  name: 'bench.hold',
  version: '1.0.0',
  input: z.object({ releasePath: z.string() }),
  executionTimeout: '10m',
  async run({ releasePath }, ctx) {
    while (!existsSync(releasePath)) {
      ctx.throwIfCancelled();
      await sleep(pollMs);
    }
  },
});
