/**
 * Pictures as RGBA pixels: shrinking by averaging, and turning upright. Averaging uses linear light with colour
 * weighted by opacity, so thin lines keep their brightness and transparent edges get no dark seams.
 */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** RGBA, 4 bytes per pixel. */
  readonly data: Uint8Array;
}

const channels = 4;
const linearOf = Float32Array.from({ length: 256 }, (_, code) => toLinear(code / 255));

function toLinear(value: number): number {
  return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function toCode(linear: number): number {
  const value = linear <= 0.003_130_8 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, Math.max(0, value)) * 255);
}

/** Shrinks the picture so that its longer edge is at most `maxEdge`. A smaller picture is returned unchanged. */
export function shrink(raster: Raster, maxEdge: number, onRow: (fraction: number) => void): Raster {
  const factor = maxEdge / Math.max(raster.width, raster.height);
  if (factor >= 1) return raster;
  const width = Math.max(1, Math.round(raster.width * factor));
  const height = Math.max(1, Math.round(raster.height * factor));
  const columns = boxes(raster.width, width);
  const sums = new Float64Array(width * channels);
  const row = new Float64Array(width * channels);
  const data = new Uint8Array(width * height * channels);
  for (const [y, box] of boxes(raster.height, height).entries()) {
    sums.fill(0);
    for (const part of box) {
      averageRow(raster, part.index, columns, row);
      for (let at = 0; at < row.length; at += 1) sums[at] = (sums[at] ?? 0) + (row[at] ?? 0) * part.weight;
    }
    writeRow(sums, data, y * width * channels);
    onRow((y + 1) / height);
  }
  return { width, height, data };
}

interface Part {
  readonly index: number;
  /** Share of the new pixel that this old one covers. The shares of a box add up to 1. */
  readonly weight: number;
}

/** For each new pixel along one axis, the old pixels that it covers. */
function boxes(from: number, to: number): Part[][] {
  const size = from / to;
  return Array.from({ length: to }, (_, index) => {
    const start = index * size;
    const end = Math.min(from, start + size);
    const parts: Part[] = [];
    for (let old = Math.floor(start); old < end; old += 1) {
      const covered = Math.min(end, old + 1) - Math.max(start, old);
      if (covered > 1e-9) parts.push({ index: old, weight: covered / (end - start) });
    }
    return parts;
  });
}

/** Averages one old row along x: linear light times opacity, and opacity. */
function averageRow({ width, data }: Raster, y: number, columns: readonly Part[][], row: Float64Array): void {
  for (const [x, box] of columns.entries()) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let opacity = 0;
    for (const { index, weight } of box) {
      const at = (y * width + index) * channels;
      const share = (weight * (data[at + 3] ?? 0)) / 255;
      red += (linearOf[data[at] ?? 0] ?? 0) * share;
      green += (linearOf[data[at + 1] ?? 0] ?? 0) * share;
      blue += (linearOf[data[at + 2] ?? 0] ?? 0) * share;
      opacity += share;
    }
    row.set([red, green, blue, opacity], x * channels);
  }
}

function writeRow(sums: Float64Array, data: Uint8Array, offset: number): void {
  for (let at = 0; at < sums.length; at += channels) {
    const opacity = sums[at + 3] ?? 0;
    for (let channel = 0; channel < 3; channel += 1) {
      data[offset + at + channel] = opacity === 0 ? 0 : toCode((sums[at + channel] ?? 0) / opacity);
    }
    data[offset + at + 3] = Math.round(Math.min(1, opacity) * 255);
  }
}

/** Turns and mirrors the picture according to EXIF orientation 1 to 8, so that it is upright without the tag. */
export function upright(raster: Raster, orientation: number): Raster {
  if (orientation < 2 || orientation > 8) return raster;
  const { width, height, data } = raster;
  const swapped = orientation >= 5;
  const turned = { width: swapped ? height : width, height: swapped ? width : height };
  const result = new Uint8Array(data.length);
  for (let y = 0; y < turned.height; y += 1) {
    for (let x = 0; x < turned.width; x += 1) {
      const [a, b] = swapped ? [y, x] : [x, y];
      const fromX = [2, 3, 7, 8].includes(orientation) ? width - 1 - a : a;
      const fromY = [3, 4, 6, 7].includes(orientation) ? height - 1 - b : b;
      const from = (fromY * width + fromX) * channels;
      result.set(data.subarray(from, from + channels), (y * turned.width + x) * channels);
    }
  }
  return { ...turned, data: result };
}
