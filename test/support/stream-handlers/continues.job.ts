/** Saves what it has read so far as a stream, and fails. The next attempt returns what it finds. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineHandler, fail, streamed } from 'troupe/handlers';

export default defineHandler({
  name: 'stream.continues',
  input: streamed(),
  async run(input, ctx) {
    const saved = ctx.lastCheckpointInput;
    if (saved === undefined) {
      await ctx.checkpoint(input.stream());
      throw fail('half way');
    }
    const hash = createHash('sha256');
    for await (const piece of saved.stream()) hash.update(piece as Uint8Array);
    const file = createHash('sha256').update(readFileSync(await saved.file()));
    let asValue: string;
    try {
      asValue = String((ctx.lastCheckpoint as Uint8Array | undefined)?.byteLength);
    } catch (error) {
      asValue = (error as Error).name;
    }
    return { bytes: saved.bytes, stream: hash.digest('hex'), file: file.digest('hex'), asValue };
  },
});
