import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'exits',
  input: z.object({ afterMs: z.number().default(0) }),
  async run({ afterMs }) {
    if (afterMs > 0) await sleep(afterMs);
    process.exit(3);
  },
});
