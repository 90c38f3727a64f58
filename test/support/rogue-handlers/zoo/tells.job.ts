import { writeSync } from 'node:fs';
import { defineHandler, fail } from 'troupe/handlers';
import { z } from 'zod';

/** As a client of a database has it, which is made once. */
let kept = '';

/** Reads a secret, and says it in every way there is. */
export default defineHandler({
  name: 'tells',
  input: z.object({
    secret: z.string(),
    times: z.int().default(1),
    fails: z.boolean().default(false),
    again: z.boolean().default(false),
  }),
  async run({ secret, times, fails, again }, ctx) {
    if (again) {
      ctx.log.info(`it was ${kept}`);
      writeSync(2, `straight ${kept}\n`);
      throw fail(`cannot log in again with ${kept}`, { cause: new Error(`bad ${kept}`) });
    }
    let value = '';
    for (let time = 0; time < times; time += 1) value = await ctx.secret(secret.replace('#', String(time)));
    kept = value;
    ctx.log.info(`it is ${value}`);
    process.stdout.write(`${JSON.stringify({ value })}\n`);
    ctx.progress(0.5, `with ${value}`);
    ctx.log.warn(`${'.'.repeat(1_990)}${value}`);
    if (fails) throw fail(`cannot log in with ${value}`, { code: value, cause: new Error(`bad ${value}`) });
    // An output is the handler's own: this one says that it had the value.
    return { length: value.length, inEnvironment: JSON.stringify(process.env).includes(value) };
  },
});
