/**
 * Payloads too large for the record. Written before the commit that refers to them and never changed, so an orphan is
 * harmless and a reference is never dangling before retention. Up to 1 MiB is one part; more is an object of many parts.
 */
export const payloadPartBytes = 1 << 20;

/** In the store a payload outlives its time by this, whatever the clocks of the parts of a cluster say. */
export const payloadMarginMs = 60_000;

export interface PayloadStore {
  /** Idempotent: the same id has the same bytes. Durable when it resolves. */
  putPayload(input: { readonly id: string; readonly bytes: Uint8Array; readonly expiresAtMs: number }): Promise<void>;
  /** Undefined when unknown, incomplete or expired. */
  getPayload(id: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves, harmless when there is nothing, safe to repeat when it was cut off. */
  deletePayload(id: string): Promise<void>;
}
