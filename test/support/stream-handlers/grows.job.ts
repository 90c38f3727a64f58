/** Has half an output written, and then takes more memory than its thread may have. */
import { defineHandler, streamed } from 'troupe/handlers';

export default defineHandler({
  name: 'stream.grows',
  input: streamed(),
  memory: '64MiB',
  async run(input, ctx) {
    const path = await input.file();
    const output = ctx.output.stream();
    await new Promise<void>((resolve) => void output.write(Buffer.alloc(3 << 20), () => resolve()));
    ctx.log.info(path);
    const held: object[] = [];
    for (;;) held.push({ at: held.length });
  },
});
