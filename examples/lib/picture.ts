/** JPEG and PNG to pixels and back. */
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { reject } from 'troupe/handlers';
import { exifOrientation } from './exif.ts';
import { upright, type Raster } from './raster.ts';

export type PictureFormat = 'jpeg' | 'png';

const jpegQuality = 82;
const maxMegapixels = 100;

export function formatOf(bytes: Uint8Array): PictureFormat | undefined {
  const starts = (...magic: number[]): boolean => magic.every((byte, index) => bytes[index] === byte);
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  return undefined;
}

/** Upright pixels; what is no picture is rejected for good, with a code. */
export function decodePicture(bytes: Uint8Array): Raster & { readonly format: PictureFormat } {
  const format = formatOf(bytes);
  if (format === undefined) throw reject('neither a JPEG nor a PNG', { code: 'NOT_AN_IMAGE' });
  if (format === 'png') refuseLargePng(bytes);
  try {
    if (format === 'png') {
      const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
      return { width, height, data, format };
    }
    const decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: true,
      maxResolutionInMP: maxMegapixels,
      maxMemoryUsageInMB: 2_048,
    });
    return { ...upright(decoded, exifOrientation(bytes)), format };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw reject(`the ${format} cannot be decoded: ${why}`, { code: 'IMAGE_BROKEN', cause });
  }
}

export function encodePicture(raster: Raster, format: PictureFormat): Uint8Array {
  const image = { width: raster.width, height: raster.height, data: Buffer.from(raster.data) };
  if (format === 'jpeg') return jpeg.encode(image, jpegQuality).data;
  const png = new PNG({ width: image.width, height: image.height });
  png.data = image.data;
  return PNG.sync.write(png);
}

/** A small file may claim any size; its header says so before anything is allocated. */
function refuseLargePng(bytes: Uint8Array): void {
  if (bytes.byteLength < 24) return;
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const megapixels = (header.getUint32(16) * header.getUint32(20)) / 1e6;
  if (megapixels > maxMegapixels) {
    throw reject(`more than ${maxMegapixels} megapixels`, { code: 'IMAGE_TOO_LARGE' });
  }
}
