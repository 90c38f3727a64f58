/** Reads the header of a picture before it is decoded, because a few bytes may claim any size. */
import { orientationIn } from './exif.ts';

export interface PictureHeader {
  readonly width: number;
  readonly height: number;
  /** The fewest bytes that a picture of this size can have, however plain it is. */
  readonly leastBytes: number;
  /** Orientation as in EXIF: 1 is upright. */
  readonly orientation: number;
  /** Size of the picture in bytes. Whatever follows does not belong to it. */
  readonly length: number;
}

interface Part {
  /** The marker of a JPEG segment, or the four letters of a PNG chunk as a number. */
  readonly type: number;
  readonly content: DataView;
  readonly end: number;
}

/** "Exif": the start of the segment that holds EXIF data. */
const exifMark = 0x45786966;
/**
 * A block of 64 pixels takes at least one bit in the components that are not subsampled. The limit is lenient by a
 * factor of two.
 */
const jpegPixelsPerByteMax = 1_024;

const [sizeChunk, exifChunk, endChunk] = [0x49484452, 0x65584966, 0x49454e44]; // IHDR, eXIf, IEND
const pngSignatureBytes = 8;
const channelsOfColorType: Readonly<Record<number, number>> = { 2: 3, 4: 2, 6: 4 };
/** The highest ratio that deflate reaches. */
const deflateRatioMax = 1_032;

/** Returns undefined if the frame header is missing or misplaced. */
export function jpegHeader(bytes: Uint8Array): PictureHeader | undefined {
  let frame: { readonly width: number; readonly height: number } | undefined;
  let orientation: number | undefined;
  for (const { type, content } of jpegSegments(viewOf(bytes))) {
    if (type === 0xe1 && content.byteLength > 6 && content.getUint32(0) === exifMark) {
      orientation ??= orientationIn(partOf(content, 6, content.byteLength));
    }
    // Start of a frame: baseline, extended or progressive.
    if (type >= 0xc0 && type <= 0xc2 && content.byteLength >= 5) {
      frame ??= { width: content.getUint16(3), height: content.getUint16(1) };
    }
  }
  if (frame === undefined) return undefined;
  const leastBytes = (frame.width * frame.height) / jpegPixelsPerByteMax;
  return { ...frame, leastBytes, orientation: orientation ?? 1, length: bytes.byteLength };
}

/** Returns undefined if the first chunk does not hold the size. */
export function pngHeader(bytes: Uint8Array): PictureHeader | undefined {
  let size: Pick<PictureHeader, 'width' | 'height' | 'leastBytes'> | undefined;
  let orientation: number | undefined;
  for (const { type, content, end } of pngChunks(viewOf(bytes))) {
    size ??= type === sizeChunk ? pngSize(content) : undefined;
    if (size === undefined) return undefined;
    if (type === exifChunk) orientation ??= orientationIn(content);
    if (type === endChunk) return { ...size, orientation: orientation ?? 1, length: end };
  }
  return size && { ...size, orientation: orientation ?? 1, length: bytes.byteLength };
}

function pngSize(content: DataView): Pick<PictureHeader, 'width' | 'height' | 'leastBytes'> | undefined {
  if (content.byteLength < 13) return undefined;
  const [width, height] = [content.getUint32(0), content.getUint32(4)];
  const bitsPerPixel = content.getUint8(8) * (channelsOfColorType[content.getUint8(9)] ?? 1);
  return { width, height, leastBytes: (width * height * bitsPerPixel) / 8 / deflateRatioMax };
}

/** Yields the segments up to the first scan, which ends the headers. */
function* jpegSegments(view: DataView): Generator<Part> {
  let at = 2;
  while (at < view.byteLength && view.getUint8(at) === 0xff) {
    // Any number of fill bytes may precede a marker.
    while (at + 1 < view.byteLength && view.getUint8(at + 1) === 0xff) at += 1;
    if (at + 4 > view.byteLength) return;
    const type = view.getUint8(at + 1);
    const end = at + 2 + view.getUint16(at + 2);
    if (type === 0xda || end < at + 4) return;
    yield { type, content: partOf(view, at + 4, end), end };
    at = end;
  }
}

function* pngChunks(view: DataView): Generator<Part> {
  let at = pngSignatureBytes;
  while (at + 12 <= view.byteLength) {
    const end = at + 12 + view.getUint32(at);
    yield { type: view.getUint32(at + 4), content: partOf(view, at + 8, end - 4), end };
    at = end;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The part of the view that exists. */
function partOf(view: DataView, from: number, to: number): DataView {
  return new DataView(view.buffer, view.byteOffset + from, Math.min(to, view.byteLength) - from);
}
