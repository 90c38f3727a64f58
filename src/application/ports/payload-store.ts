/**
 * Payloads too large for the record. Written before the commit that refers to them and never changed, so an orphan is
 * harmless and a reference is never dangling before retention. Up to 1 MiB is one part; more is an object of many parts.
 */
import { TroupeError } from '../../domain/errors.ts';

export const payloadPartBytes = 1 << 20;

/** In the store a payload outlives its time by this, whatever the clocks of the parts of a cluster say. */
export const payloadMarginMs = 60_000;

export interface PayloadStore {
  /** Idempotent: the same id has the same bytes. Durable when it resolves. */
  putPayload(input: { readonly id: string; readonly bytes: Uint8Array; readonly expiresAtMs: number }): Promise<void>;
  /**
   * The same for one that comes part by part, under an id that nobody else has: not there until the last part is, and when
   * the source or the store fails what came is removed, as far as the store lets it, or expires. Rejects as the source does. Resolves with the SHA-256 of the whole.
   */
  writePayload(
    input: { readonly id: string; readonly bytes: number; readonly expiresAtMs: number },
    parts: PayloadParts,
  ): Promise<Uint8Array>;
  /** Undefined when unknown, incomplete or expired. */
  getPayload(id: string): Promise<Uint8Array | undefined>;
  /** For readers that do not want it in memory as a whole. Undefined when unknown or expired. */
  openPayload(id: string): Promise<StoredPayload | undefined>;
  /**
   * Durable when it resolves, harmless when there is nothing, safe to repeat when it was cut off. The id is never written
   * again: on Cassandra a delete is later than what is written within the next minute.
   */
  deletePayload(id: string): Promise<void>;
}

/** As many as the announced bytes fill, each `payloadPartBytes` but the last; in the end the SHA-256 of the whole. */
export type PayloadParts = AsyncIterator<Uint8Array, Uint8Array>;

export interface StoredPayload {
  readonly bytes: number;
  /** Of the whole: what was read is not checked against it, the reader may do that. */
  readonly sha256: Uint8Array;
  /** Piece by piece, none larger than `payloadPartBytes`, one of them in memory at a time. Rejects PAYLOAD_GONE when it goes meanwhile. */
  readFrom(offset: number): AsyncIterable<Uint8Array>;
}

export function partCount(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / payloadPartBytes));
}

/** What adapters write a payload with: the first part goes last, so that a reader finds it whole or not at all. */
export async function writeParts(
  parts: PayloadParts,
  put: (part: number, bytes: Uint8Array, sha256: Uint8Array) => Promise<unknown>,
): Promise<Uint8Array> {
  const unknown = new Uint8Array();
  let first: Uint8Array = unknown;
  for (let part = 0; ; part += 1) {
    const next = await parts.next();
    if (next.done === true) {
      await put(0, first, next.value);
      return next.value;
    }
    if (part === 0) first = next.value;
    else await put(part, next.value, unknown);
  }
}

/** What adapters read a payload with: its parts from the one that holds this byte on. */
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
