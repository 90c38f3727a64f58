import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineHandler, streamed } from 'troupe/handlers';

/** Fills the scratch folder beside its input: its `input` says what with. */
export default defineHandler({
  name: 'fills',
  input: streamed(),
  async run(_, ctx) {
    const file = await ctx.input.file();
    const own = dirname(file);
    const what = ctx.attempt % 10;
    ctx.log.info(file);
    if (what === 1) writeFileSync(join(own, 'more'), Buffer.alloc(3 * 2 ** 20, 1));
    if (what === 2) writeFileSync(join(dirname(own), 'elsewhere'), Buffer.alloc(3 * 2 ** 20, 1));
    if (what === 3) {
      mkdirSync(join(own, 'deep', 'below'), { recursive: true });
      writeFileSync(join(own, 'deep', 'below', 'more'), Buffer.alloc(3 * 2 ** 20, 1));
    }
    await new Promise((resolve) => {
      ctx.signal.addEventListener('abort', resolve);
    });
  },
});
