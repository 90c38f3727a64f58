/**
 * Wraps data keys with a key-encryption key that never leaves its place: a file, Vault, a key management service.
 *
 * The tenant is bound into what is wrapped, so that the wrapped key of one tenant cannot be unwrapped for another.
 */

export interface WrappedKey {
  /** Which key has wrapped it, in the words of the adapter. At most `keyRefMaxBytes`. */
  readonly keyRef: string;
  /** At most `wrappedMaxBytes`. */
  readonly wrapped: Uint8Array;
}

export const keyRefMaxBytes = 64;
export const wrappedMaxBytes = 1_024;
/** Of a data key. */
export const dataKeyBytes = 32;

export interface KeyWrapping {
  /** Rejects with ENCRYPTION_UNAVAILABLE if nothing can be wrapped at present. */
  wrap(key: Uint8Array, tenant: string): Promise<WrappedKey>;
  /**
   * Rejects with ENCRYPTION_UNAVAILABLE while the key of `keyRef` is away: it may come back. Undefined if that key did not
   * wrap this for the tenant, which no later try changes.
   */
  unwrap(wrapped: WrappedKey, tenant: string): Promise<Uint8Array | undefined>;
  /** For the log: where the keys are. */
  describe(): string;
  close(): void;
}
