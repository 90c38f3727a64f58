/**
 * `image.thumbnail`: shrinks a picture and turns it upright; JPEG stays JPEG and PNG stays PNG. The input is the bytes
 * of the picture, or `{ path, maxEdge }` with a path on the node's disk.
 */
import { readFile } from 'node:fs/promises';
import { bytes, bytesOr, defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { rejectUnreadable } from './lib/node-file.ts';
import { decodePicture, encodePicture } from './lib/picture.ts';
import { shrink } from './lib/raster.ts';

const defaultMaxEdge = 256;

export default defineHandler({
  name: 'image.thumbnail',
  version: '1.0.0',
  input: bytesOr(
    z.object({
      path: z.string().min(1).describe('file on the disk of the node that runs the job'),
      maxEdge: z.int().min(1).max(4_096).default(defaultMaxEdge).describe('longer edge of the thumbnail, in pixels'),
    }),
  ),
  output: bytes(),
  executionTimeout: '2m',
  async run(input, ctx) {
    const { file, maxEdge } =
      input instanceof Uint8Array
        ? { file: input, maxEdge: defaultMaxEdge }
        : { file: await readFile(input.path).catch(rejectUnreadable(input.path)), maxEdge: input.maxEdge };
    ctx.progress(0.05, 'decoding');
    const picture = decodePicture(file);
    ctx.throwIfCancelled();
    const small = shrink(picture, maxEdge, (fraction) => {
      ctx.throwIfCancelled();
      ctx.progress(0.5 + fraction * 0.4, 'averaging');
    });
    return encodePicture(small, picture.format);
  },
});
