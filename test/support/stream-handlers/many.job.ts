/** Reads its input in many streams at once, some of them from the same byte, and writes it again meanwhile. */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { defineHandler, type HandlerInput, streamed } from 'troupe/handlers';

async function digest(input: HandlerInput, from: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of input.stream({ from })) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

export default defineHandler({
  name: 'stream.many',
  input: streamed(),
  async run(input, ctx) {
    const froms = [0, 0, 0, 1, 1, 2 << 20, 2 << 20, 2 << 20, input.bytes];
    const [digests] = await Promise.all([
      Promise.all(froms.map((from) => digest(input, from))),
      pipeline(input.stream(), ctx.output.stream()),
    ]);
    ctx.log.info(JSON.stringify(froms.map((from, at) => [from, digests[at]])));
  },
});
