/** Says whatever it is given in every place in which a handler can say something. */
import { defineHandler, fail } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'console.odd',
  input: z.object({ text: z.string(), code: z.string().optional() }),
  retry: { maxAttempts: 1 },
  run({ text, code }, ctx) {
    ctx.progress(0.25, text.slice(0, 200));
    ctx.log.info(text);
    ctx.log.error(text);
    if (code === undefined) return { [text]: text };
    throw fail(text, { code });
  },
});
