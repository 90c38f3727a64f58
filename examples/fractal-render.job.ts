/** `fractal.render`: renders one tile of the Mandelbrot set as a PNG. A large or deep tile takes seconds of CPU. */
import { bytes, defineHandler } from 'troupe/handlers';
import { z } from 'zod';
import { renderTile } from './lib/mandelbrot.ts';
import { encodePicture } from './lib/picture.ts';

export default defineHandler({
  name: 'fractal.render',
  version: '1.0.0',
  input: z.object({
    x: z.number().min(-3).max(3).default(-0.75).describe('centre of the tile, real part'),
    y: z.number().min(-3).max(3).default(0).describe('centre of the tile, imaginary part'),
    scale: z.number().positive().max(8).default(3).describe('width of the tile in the complex plane'),
    width: z.int().min(1).max(4_096).default(512).describe('pixels'),
    height: z.int().min(1).max(4_096).default(512).describe('pixels'),
    maxIterations: z.int().min(1).max(1_000_000).default(1_000),
  }),
  output: bytes(),
  executionTimeout: '10m',
  run(tile, ctx) {
    const data = renderTile(tile, (row) => {
      ctx.throwIfCancelled();
      ctx.progress((row + 1) / tile.height, `row ${row + 1} of ${tile.height}`);
    });
    return encodePicture({ width: tile.width, height: tile.height, data }, 'png');
  },
});
