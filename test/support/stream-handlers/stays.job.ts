/** Has a file, both streams open and half an output written, and then never comes back. */
import { once } from 'node:events';
import { defineHandler, streamed } from 'troupe/handlers';

export default defineHandler({
  name: 'stream.stays',
  input: streamed(),
  async run(input, ctx) {
    const path = await input.file();
    const stream = input.stream();
    await once(stream, 'readable');
    const output = ctx.output.stream();
    for (let pieces = 0; pieces < 3; pieces += 1) {
      await new Promise<void>((resolve, reject) => {
        output.write(Buffer.alloc(1 << 20), (error) => (error ? reject(error) : resolve()));
      });
    }
    ctx.log.info(path);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (;;);
  },
});
