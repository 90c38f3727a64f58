/**
 * Links to stored payloads: addresses by which a client reads or writes the bytes at the store itself, without a gateway
 * in between. A link is good for one payload and for a short time, and needs no credentials.
 *
 * Nothing is kept in memory for a link, or for an upload that was begun: all there is to know is in the id of the upload
 * and in the name of its object.
 */

/** The most bytes that S3 takes in one request, which is all that a link is good for. */
export const linkMaxBytes = 5 * 1_024 ** 3;

interface PayloadLink {
  readonly url: string;
  /** A request must begin before that. */
  readonly expiresAtMs: number;
}

export interface ReadLink extends PayloadLink {
  readonly bytes: number;
  /** SHA-256 of the whole payload. */
  readonly sha256: Uint8Array;
}

export interface WriteLink extends PayloadLink {
  /** The request must have exactly these, or the store refuses it. By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An object that a client writes by itself. */
export interface UploadedObject {
  /** Nobody else knows it, so it is unknown unless it was begun here. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  /** If nobody has kept it by then, it is swept. */
  readonly keepByMs: number;
  /** When the object expires if it was kept. */
  readonly expiresAtMs: number;
}

export interface UploadLinks {
  /** How long a link lasts at most. */
  readonly lifetimeMs: number;
  begin(upload: UploadedObject): Promise<WriteLink>;
  /**
   * What lies there. Undefined if nothing does. If the store keeps no checksum, all of it is read, and `beforePiece` is called
   * before each piece; it may throw.
   */
  find(
    upload: UploadedObject,
    beforePiece: () => void,
  ): Promise<{ readonly bytes: number; readonly sha256: Uint8Array } | undefined>;
  /**
   * Makes what lies there a payload like any other, so that it is not swept. Resolves with the id of the payload. Undefined
   * if it may be too late for that. Safe to repeat.
   */
  keep(upload: UploadedObject): Promise<string | undefined>;
}

export interface PayloadLinks {
  /**
   * A link that ends at this time at the latest. Undefined if the payload is gone, or will be at once. The id is of a payload
   * that lies in the object store.
   */
  toRead(
    payload: { readonly id: string; readonly encoding: 'json' | 'bytes' },
    untilMs: number,
  ): Promise<ReadLink | undefined>;
  /** Absent if this process writes no large payloads. */
  readonly uploads?: UploadLinks;
}
