/** Occupies its thread until a file appears. So the bench keeps threads busy while it creates a backlog. */
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
