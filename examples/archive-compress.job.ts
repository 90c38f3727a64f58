/**
 * `archive.compress`: gzips bytes of any size, piece by piece. Neither its input nor its output is ever in memory as a
 * whole.
 */
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { defineHandler, streamed, type HandlerContext } from 'troupe/handlers';

export default defineHandler({
  name: 'archive.compress',
  version: '1.0.0',
  input: streamed(),
  executionTimeout: '1d',
  heartbeatTimeout: '1m',
  async run(input, ctx) {
    await pipeline(input.stream(), progressOf(input.bytes, ctx), createGzip(), ctx.output.stream(), {
      signal: ctx.signal,
    });
  },
});

function progressOf(totalBytes: number, ctx: HandlerContext): Transform {
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.byteLength;
      ctx.progress(bytes / totalBytes);
      done(null, piece);
    },
  });
}
