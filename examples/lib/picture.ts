/** Decodes JPEG and PNG to pixels, and encodes pixels. */
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { reject } from 'troupe/handlers';
import { jpegHeader, pngHeader, type PictureHeader } from './picture-header.ts';
import { upright, type Raster } from './raster.ts';

export type PictureFormat = 'jpeg' | 'png';

const jpegQuality = 82;
/** Decoding a JPEG takes about 45 MiB per megapixel, 9 of them on the heap. A thread has a heap of 512 MiB. */
const maxMegapixels = 40;

export function formatOf(bytes: Uint8Array): PictureFormat | undefined {
  const starts = (...magic: number[]): boolean => magic.every((byte, index) => bytes[index] === byte);
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  return undefined;
}

/** Decodes a picture to upright pixels. Rejects the job with a code if it is not a picture. */
export function decodePicture(bytes: Uint8Array): Raster & { readonly format: PictureFormat } {
  const format = formatOf(bytes);
  if (format === undefined) throw reject('neither a JPEG nor a PNG', { code: 'NOT_AN_IMAGE' });
  const header = format === 'png' ? pngHeader(bytes) : jpegHeader(bytes);
  if (header !== undefined) refuseClaim(header, bytes.byteLength);
  const decoded = decode(format, bytes.subarray(0, header?.length));
  return { ...upright(decoded, header?.orientation ?? 1), format };
}

function decode(format: PictureFormat, bytes: Uint8Array): Raster {
  try {
    if (format === 'png') {
      const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
      return { width, height, data };
    }
    return jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: true,
      maxResolutionInMP: maxMegapixels,
      maxMemoryUsageInMB: 2_048,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw reject(`the ${format} cannot be decoded: ${why}`, { code: 'IMAGE_BROKEN', cause });
  }
}

/** Checks the claimed size before anything is allocated, because a small file may claim any size. */
function refuseClaim({ width, height, leastBytes }: PictureHeader, bytes: number): void {
  if (width * height > maxMegapixels * 1e6) {
    throw reject(`more than ${maxMegapixels} megapixels`, { code: 'IMAGE_TOO_LARGE' });
  }
  if (width * height === 0 || leastBytes > bytes) {
    throw reject(`${width} x ${height} pixels cannot be in ${bytes} bytes`, { code: 'IMAGE_BROKEN' });
  }
}

export function encodePicture(raster: Raster, format: PictureFormat): Uint8Array {
  const image = { width: raster.width, height: raster.height, data: Buffer.from(raster.data) };
  if (format === 'jpeg') return jpeg.encode(image, jpegQuality).data;
  const png = new PNG({ width: image.width, height: image.height });
  png.data = image.data;
  return PNG.sync.write(png);
}
