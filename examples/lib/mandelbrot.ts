/** Renders one tile of the Mandelbrot set as RGBA pixels, in plain JavaScript, as an example of CPU-heavy work. */

export interface Tile {
  /** Centre of the tile in the complex plane. */
  readonly x: number;
  readonly y: number;
  /** Width of the tile in the complex plane. The height follows from the pixels. */
  readonly scale: number;
  /** Size in pixels. */
  readonly width: number;
  readonly height: number;
  readonly maxIterations: number;
}

/** Large enough that the smooth iteration count has no visible steps. */
const escapeRadiusSquared = 256;

export function renderTile(tile: Tile, onRow: (row: number) => void): Uint8Array {
  const { width, height, maxIterations } = tile;
  const pixels = new Uint8Array(width * height * 4);
  const step = tile.scale / width;
  let at = 0;
  for (let row = 0; row < height; row += 1) {
    const imaginary = tile.y + (height / 2 - row - 0.5) * step;
    for (let column = 0; column < width; column += 1) {
      const real = tile.x + (column + 0.5 - width / 2) * step;
      paint(pixels, at, escapeTime(real, imaginary, maxIterations));
      at += 4;
    }
    onRow(row);
  }
  return pixels;
}

/** Smooth number of iterations until the point escapes. Undefined if it does not. */
export function escapeTime(real: number, imaginary: number, maxIterations: number): number | undefined {
  let zr = 0;
  let zi = 0;
  let zrSquared = 0;
  let ziSquared = 0;
  for (let iteration = 0; iteration < maxIterations; iteration += 1) {
    zi = 2 * zr * zi + imaginary;
    zr = zrSquared - ziSquared + real;
    zrSquared = zr * zr;
    ziSquared = zi * zi;
    const squared = zrSquared + ziSquared;
    if (squared > escapeRadiusSquared) return iteration + 1 - Math.log2(Math.log2(squared) / 2);
  }
  return undefined;
}

/** Points inside are black. Points outside go slowly through blue, white and amber. */
function paint(pixels: Uint8Array, at: number, time: number | undefined): void {
  const turn = time === undefined ? undefined : 0.12 * Math.sqrt(Math.max(0, time)) + 0.6;
  pixels[at] = shade(turn, 0);
  pixels[at + 1] = shade(turn, 0.1);
  pixels[at + 2] = shade(turn, 0.2);
  pixels[at + 3] = 255;
}

function shade(turn: number | undefined, phase: number): number {
  return turn === undefined ? 0 : Math.round(127.5 + 127.5 * Math.cos(2 * Math.PI * (turn + phase)));
}
