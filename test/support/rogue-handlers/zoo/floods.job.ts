import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Reports progress, notes and prints without any measure. */
export default defineHandler({
  name: 'floods',
  input: z.object({ times: z.int() }),
  run({ times }, ctx) {
    for (let time = 1; time <= times; time += 1) {
      ctx.progress(time / times, `step ${time}`);
      ctx.log.info(`line ${time}`);
      process.stdout.write(`printed ${time}\n`);
    }
    return times;
  },
});
