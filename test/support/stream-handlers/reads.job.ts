/** Reads its input as a file and as a stream, from the beginning and from the middle. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { defineHandler, streamed } from 'troupe/handlers';

async function digest(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of stream) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

export default defineHandler({
  name: 'stream.reads',
  input: streamed(),
  async run(input) {
    const path = await input.file();
    const half = Math.floor(input.bytes / 2);
    const [file, stream, rest] = await Promise.all([
      digest(createReadStream(path)),
      digest(input.stream()),
      digest(input.stream({ from: half })),
    ]);
    return { path, bytes: input.bytes, file, stream, rest, again: (await input.file()) === path };
  },
});
