/**
 * Payloads in two places: small ones in the job store, large ones in an object store. The size decides when a payload is
 * written, and its id says ever after where it lies. So the limit may be changed at any time.
 */
import { given } from '../../domain/given.ts';
import { payloadPartBytes, type PayloadParts, type PayloadStore, type WrittenPayload } from '../ports/payload-store.ts';
import { isObjectId } from './object-id.ts';

export interface PayloadsBySizeParts {
  readonly small: PayloadStore;
  readonly large: PayloadStore;
  /** A payload of more bytes is a large one. */
  readonly largeAboveBytes: number;
}

export function createPayloadsBySize({ small, large, largeAboveBytes }: PayloadsBySizeParts): PayloadStore {
  const ofSize = (bytes: number): PayloadStore => (bytes > largeAboveBytes ? large : small);
  const ofId = (id: string): PayloadStore => (isObjectId(id) ? large : small);

  /** Holds the parts back until the size is known, or is large in any case. */
  async function writeUnknown(
    input: Parameters<PayloadStore['writePayload']>[0],
    parts: PayloadParts,
  ): Promise<WrittenPayload> {
    const held: Uint8Array[] = [];
    let bytes = 0;
    let last: IteratorReturnResult<Uint8Array> | undefined;
    while (last === undefined && bytes <= largeAboveBytes) {
      const next = await parts.next();
      if (next.done === true) {
        last = next;
      } else {
        held.push(next.value);
        bytes += next.value.byteLength;
      }
    }
    const whole: PayloadParts = { next: async () => nextOf(held.shift()) ?? last ?? parts.next() };
    return last === undefined ? large.writePayload(input, whole) : small.writePayload({ ...input, bytes }, whole);
  }

  return {
    writeHolds: (bytes) => ofSize(bytes).writeHolds?.(bytes) ?? payloadPartBytes,
    putPayload: (input) => ofSize(input.bytes.byteLength).putPayload(input),
    writePayload(input, parts) {
      if (typeof input.bytes === 'number') return ofSize(input.bytes).writePayload(input, parts);
      const isSmall = input.bytes.atMost <= largeAboveBytes;
      return isSmall ? small.writePayload(input, parts) : writeUnknown(input, parts);
    },
    getPayload: (id) => ofId(id).getPayload(id),
    openPayload: (id) => ofId(id).openPayload(id),
    deletePayload: (id) => ofId(id).deletePayload(id),
    ...given({ links: large.links }),
  };
}

function nextOf(part: Uint8Array | undefined): IteratorYieldResult<Uint8Array> | undefined {
  return part && { done: false, value: part };
}
