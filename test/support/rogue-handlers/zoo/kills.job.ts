import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Kills the process that it runs in. */
export default defineHandler({
  name: 'kills',
  input: z.object({ afterMs: z.number().default(0) }),
  async run({ afterMs }) {
    if (afterMs > 0) await sleep(afterMs);
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  },
});
