/** Its output is its input, piece by piece. */
import { pipeline } from 'node:stream/promises';
import { defineHandler, streamed } from 'troupe/handlers';

export default defineHandler({
  name: 'stream.copies',
  input: streamed(),
  async run(input, ctx) {
    await pipeline(input.stream(), ctx.output.stream());
  },
});
