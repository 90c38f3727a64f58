/** Divides a large payload into parts, in the same way for every store. */
import { TroupeError } from '../../domain/errors.ts';
import { payloadPartBytes, type PayloadParts, type WrittenPayload } from '../ports/payload-store.ts';

export function partCount(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / payloadPartBytes));
}

type Whole = Pick<WrittenPayload, 'bytes' | 'sha256'>;

/**
 * Writes the parts of a payload. The first part is written last, so a reader finds the whole payload or none. It alone
 * describes the whole: the others are given a description without content.
 */
export async function writeParts(
  parts: PayloadParts,
  put: (part: number, bytes: Uint8Array, whole: Whole) => Promise<unknown>,
): Promise<Whole> {
  const unknown: Whole = { bytes: 0, sha256: new Uint8Array() };
  let first: Uint8Array = unknown.sha256;
  let bytes = 0;
  for (let part = 0; ; part += 1) {
    const next = await parts.next();
    if (next.done === true) {
      const whole: Whole = { bytes, sha256: next.value };
      await put(0, first, whole);
      return whole;
    }
    bytes += next.value.byteLength;
    if (part === 0) first = next.value;
    else await put(part, next.value, unknown);
  }
}

/** Reads the parts of a payload, starting with the part that holds the byte at `offset`. */
export async function* partsFrom(
  offset: number,
  bytes: number,
  readPart: (part: number) => Promise<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array, void> {
  for (let at = offset; at < bytes;) {
    const part = Math.floor(at / payloadPartBytes);
    const found = await readPart(part);
    if (found === undefined) throw new TroupeError('PAYLOAD_GONE', { metadata: { why: 'missing' } });
    const end = Math.min((part + 1) * payloadPartBytes, bytes);
    yield found.subarray(at - part * payloadPartBytes);
    at = end;
  }
}
