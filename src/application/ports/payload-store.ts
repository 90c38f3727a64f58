/**
 * Stores payloads that are too large for the record. A payload is written before the commit that refers to it and never
 * changes. So an orphan is harmless, and a reference is never dangling before the retention ends. A payload of up to 1
 * MiB is one part; a larger one has many.
 *
 * A writer gives a payload a name of its own and is told the id under which it is found. Only the id says where it lies.
 */
import type { PayloadLinks } from './payload-links.ts';

export const payloadPartBytes = 1 << 20;

/**
 * The store keeps a payload this much longer than its expiry, so that clocks which differ within the cluster do no
 * harm.
 */
export const payloadMarginMs = 60_000;

export interface PayloadStore {
  /** Memory that a write of so many bytes takes, besides the part that is read from its source. Absent: a part. */
  readonly writeHolds?: (bytes: number) => number;
  /**
   * Idempotent, because a name always has the same bytes. Durable when it resolves, with the id of the payload.
   */
  putPayload(input: {
    readonly name: string;
    readonly bytes: Uint8Array;
    readonly expiresAtMs: number;
  }): Promise<string>;
  /**
   * Writes a payload part by part, under a name that no other writer uses. The payload does not exist until its last
   * part is written. `bytes`: the size of the whole; if nobody knows it yet, the most that the source will give. If the source or the store fails, the parts written so far are removed where possible, and expire
   * otherwise. Rejects with the error of the source.
   */
  writePayload(
    input: { readonly name: string; readonly bytes: number | AtMost; readonly expiresAtMs: number },
    parts: PayloadParts,
  ): Promise<WrittenPayload>;
  /** Undefined if the payload is unknown, incomplete or expired. */
  getPayload(id: string): Promise<Uint8Array | undefined>;
  /**
   * Opens a payload for reading in pieces, without holding it in memory as a whole. Undefined if unknown or expired.
   */
  openPayload(id: string): Promise<StoredPayload | undefined>;
  /**
   * Durable when it resolves. Harmless if the payload does not exist, and safe to repeat. The id must never be written
   * again, because on Cassandra a delete also covers what is written within the next minute.
   */
  deletePayload(id: string): Promise<void>;
  /** Absent if the store has no links to payloads. */
  readonly links?: PayloadLinks;
}

/** A bound where the size is known only at the end. */
export interface AtMost {
  readonly atMost: number;
}

/**
 * Exactly as many parts as the size needs, each of `payloadPartBytes` except the last. Returns the SHA-256 of the whole.
 */
export type PayloadParts = AsyncIterator<Uint8Array, Uint8Array>;

export interface WrittenPayload {
  readonly id: string;
  readonly bytes: number;
  /** SHA-256 of the whole payload. */
  readonly sha256: Uint8Array;
}

export interface StoredPayload {
  readonly bytes: number;
  /** SHA-256 of the whole payload. The store does not verify it while reading; the reader may. */
  readonly sha256: Uint8Array;
  /**
   * Pieces of at most `payloadPartBytes`, one in memory at a time. Rejects with PAYLOAD_GONE if the payload disappears
   * meanwhile.
   */
  readFrom(offset: number): AsyncIterable<Uint8Array>;
}
