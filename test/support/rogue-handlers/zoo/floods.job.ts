import { parentPort } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Sends progress, notes and output without limit, or posts messages to its cell directly. */
export default defineHandler({
  name: 'floods',
  input: z.object({ times: z.int(), raw: z.boolean().default(false) }),
  async run({ times, raw }, ctx) {
    for (let time = 1; time <= times; time += 1) {
      if (raw) {
        parentPort?.postMessage({ kind: 'note', text: `raw ${time}` });
        if (time % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      ctx.progress(time / times, `step ${time}`);
      ctx.log.info(`line ${time}`);
      process.stdout.write(`printed ${time}\n`);
    }
    return times;
  },
});
