/**
 * Payloads in two places: small ones in the job store, large ones in an object store. The size decides when a payload is
 * written, and its id says ever after where it lies. So the limit may be changed at any time.
 */
import type { PayloadStore } from '../ports/payload-store.ts';
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
  return {
    putPayload: (input) => ofSize(input.bytes.byteLength).putPayload(input),
    writePayload: (input, parts) => ofSize(input.bytes).writePayload(input, parts),
    getPayload: (id) => ofId(id).getPayload(id),
    openPayload: (id) => ofId(id).openPayload(id),
    deletePayload: (id) => ofId(id).deletePayload(id),
  };
}
