/**
 * Seals what lies in the payload store part by part. Each sealed part fills one part of the store, so any byte is found
 * without reading what comes before it. The summary, which the record of the job keeps, has the size and the SHA-256 of the
 * plain bytes, and the random id that binds the parts to it.
 *
 * No part can be left out, put elsewhere, or taken from another payload: each is sealed with its number, and the last one says
 * that it is the last.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { damagedSeal } from '../storage/damaged-payload.ts';
import { payloadPartBytes, type PayloadParts, type StoredPayload } from '../ports/payload-store.ts';
import { aboutPart, nonceBytes, openPart, type SealContext, sealPart, tagBytes } from './envelope.ts';

const overheadBytes = nonceBytes + tagBytes;
/** Plain bytes of a full part. */
export const plainPartBytes = payloadPartBytes - overheadBytes;
export const sealIdBytes = 16;
const summaryBytes = sealIdBytes + 8 + 32;

/** What the sealed summary says. */
export interface Summary {
  readonly sealId: Uint8Array;
  /** Of the plain bytes. */
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export function sealedBytes(plainBytes: number): number {
  return plainBytes + overheadBytes * Math.max(1, Math.ceil(plainBytes / plainPartBytes));
}

export function summaryText({ sealId, bytes, sha256 }: Summary): Uint8Array {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(bytes));
  return Buffer.concat([sealId, size, sha256]);
}

export function parseSummary(text: Uint8Array): Summary | undefined {
  if (text.byteLength !== summaryBytes) return undefined;
  const view = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const bytes = Number(view.readBigUInt64BE(sealIdBytes));
  return { sealId: view.subarray(0, sealIdBytes), bytes, sha256: view.subarray(sealIdBytes + 8) };
}

export interface PartSeal {
  readonly key: KeyObject;
  readonly context: SealContext;
  readonly sealId: Uint8Array;
  readonly randomBytes: (bytes: number) => Uint8Array;
  /** Called for each part. */
  readonly use: () => void;
}

/** Seals the parts as they come. `whole` is known when they have all come. */
export function sealParts(seal: PartSeal, parts: PayloadParts): { readonly parts: PayloadParts; whole(): Summary } {
  let summary: Summary | undefined;
  const sealed = sealing(seal, parts, (whole) => (summary = whole));
  return {
    parts: sealed,
    whole() {
      if (summary === undefined) throw new Error('the parts have not all come');
      return summary;
    },
  };
}

async function* sealing(
  { key, context, sealId, randomBytes, use }: PartSeal,
  parts: PayloadParts,
  done: (whole: Summary) => void,
): AsyncGenerator<Uint8Array, Uint8Array> {
  const plainDigest = createHash('sha256');
  const sealedDigest = createHash('sha256');
  let number = 0;
  let bytes = 0;
  const sealOne = (plain: Uint8Array, isLast: boolean): Uint8Array => {
    const about = aboutPart(sealId, context, { number, isLast });
    const part = sealPart(key, about, { plain, nonce: randomBytes(nonceBytes) });
    use();
    number += 1;
    sealedDigest.update(part);
    return part;
  };
  // A full part is held back until more comes, because only then it is known not to be the last.
  let held: Uint8Array = new Uint8Array();
  for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
    plainDigest.update(next.value);
    bytes += next.value.byteLength;
    held = held.byteLength === 0 ? next.value : Buffer.concat([held, next.value]);
    while (held.byteLength > plainPartBytes) {
      yield sealOne(held.subarray(0, plainPartBytes), false);
      held = held.subarray(plainPartBytes);
    }
  }
  yield sealOne(held, true);
  done({ sealId, bytes, sha256: plainDigest.digest() });
  return sealedDigest.digest();
}

export interface SealedSource {
  readonly key: KeyObject;
  readonly context: SealContext;
  readonly summary: Summary;
  /** For the error. */
  readonly payloadId: string;
}

/** The plain bytes of what lies in the store. Every piece is authentic when it is given. */
export function openedPayload(source: SealedSource, stored: StoredPayload): StoredPayload {
  const { bytes, sha256 } = source.summary;
  if (stored.bytes !== sealedBytes(bytes)) throw damagedSeal(source.payloadId);
  return { bytes, sha256, readFrom: (offset) => opening(source, stored, offset) };
}

async function* opening(source: SealedSource, stored: StoredPayload, offset: number): AsyncGenerator<Uint8Array, void> {
  const { bytes } = source.summary;
  const last = Math.max(1, Math.ceil(bytes / plainPartBytes)) - 1;
  if (offset >= bytes && bytes > 0) return;
  let number = Math.floor(offset / plainPartBytes);
  let skip = offset - number * plainPartBytes;
  for await (const part of wholeParts(stored.readFrom(number * payloadPartBytes))) {
    const plain = openOne(source, part, { number, isLast: number === last });
    if (plain.byteLength > skip) yield plain.subarray(skip);
    skip = 0;
    number += 1;
  }
  if (number !== last + 1) throw damagedSeal(source.payloadId);
}

function openOne(
  { key, context, summary, payloadId }: SealedSource,
  part: Uint8Array,
  place: { readonly number: number; readonly isLast: boolean },
): Uint8Array {
  const plain = openPart(key, aboutPart(summary.sealId, context, place), part);
  if (plain === undefined) throw damagedSeal(payloadId);
  return plain;
}

/** A store gives pieces of any size. */
async function* wholeParts(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array = new Uint8Array();
  for await (const piece of pieces) {
    held = held.byteLength === 0 ? piece : Buffer.concat([held, piece]);
    while (held.byteLength >= payloadPartBytes) {
      yield held.subarray(0, payloadPartBytes);
      held = held.subarray(payloadPartBytes);
    }
  }
  if (held.byteLength > 0) yield held;
}

/** The plain bytes of a whole that is in memory. */
export function openWholeParts(source: SealedSource, sealed: Uint8Array): Uint8Array {
  if (sealed.byteLength !== sealedBytes(source.summary.bytes)) throw damagedSeal(source.payloadId);
  const last = Math.ceil(sealed.byteLength / payloadPartBytes) - 1;
  const partOf = (number: number): Uint8Array =>
    openOne(source, sealed.subarray(number * payloadPartBytes, (number + 1) * payloadPartBytes), {
      number,
      isLast: number === last,
    });
  if (last === 0) return partOf(0);
  // Written where it stays, because a list of the parts would take as much again.
  const plain = Buffer.allocUnsafe(source.summary.bytes);
  for (let number = 0; number <= last; number += 1) plain.set(partOf(number), number * plainPartBytes);
  return plain;
}
