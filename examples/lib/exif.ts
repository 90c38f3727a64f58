/** Reads the orientation of a picture from its EXIF data. EXIF is a TIFF, of which only the first directory matters. */

const orientationTag = 0x0112;

/** Returns undefined if there is none. `view` starts with the TIFF header. Directories consist of 12-byte entries. */
export function orientationIn(view: DataView): number | undefined {
  if (view.byteLength < 8) return undefined;
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return undefined;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry += 1) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > view.byteLength) return undefined;
    if (view.getUint16(at, little) === orientationTag) return view.getUint16(at + 8, little);
  }
  return undefined;
}
