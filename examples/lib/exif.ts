/** How a camera was held: the orientation tag of a JPEG, 1 when it has none. */

const orientationTag = 0x0112;

export function exifOrientation(jpeg: Uint8Array): number {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  let at = 2;
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const length = view.getUint16(at + 2);
    if (marker === 0xe1) {
      const found = orientationIn(view, at + 4, at + 2 + length);
      if (found !== undefined) return found;
    }
    if (marker === 0xda || length < 2) return 1; // pixels follow: no more headers
    at += 2 + length;
  }
  return 1;
}

/** In an EXIF segment: "Exif\0\0", then a TIFF header, then the first directory of 12-byte entries. */
function orientationIn(view: DataView, from: number, to: number): number | undefined {
  const end = Math.min(to, view.byteLength);
  if (end - from < 14 || view.getUint32(from) !== 0x45786966) return undefined;
  const tiff = from + 6;
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  if (directory + 2 > end) return undefined;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry += 1) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > end) return undefined;
    if (view.getUint16(at, little) === orientationTag) return view.getUint16(at + 8, little);
  }
  return undefined;
}
