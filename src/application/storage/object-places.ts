/** What an adapter of places that hold whole objects has to offer. Errors are translated already. */
import type { UploadedObject, WriteLink } from '../ports/payload-links.ts';
import type { AtMost } from '../ports/payload-store.ts';
import type { ObjectPlace } from './object-id.ts';

export interface ObjectPlaces {
  /** See `PayloadStore`. */
  readonly writeHolds?: (bytes: number) => number;
  /**
   * Durable when it resolves, replaces an object there, and leaves nothing if it rejects. `bytes` is the size of all pieces
   * together, or the most that it may be. Rejects with the error of the pieces.
   */
  put(place: ObjectPlace, bytes: number | AtMost, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Undefined if nothing is there. */
  sizeOf(place: ObjectPlace): Promise<number | undefined>;
  /** Bytes from `offset` on. Fewer than asked for only if the object ends there. Undefined if nothing is there. */
  read(place: ObjectPlace, offset: number, bytes: number): Promise<Uint8Array | undefined>;
  /** Does nothing if nothing is there. */
  remove(place: ObjectPlace): Promise<void>;
  /** Absent if there are no links to these places. */
  readonly links?: LinkPlaces;
}

interface PlaceLink {
  readonly url: string;
  /** From now on. At most what was asked for. */
  readonly lastsMs: number;
}

/** For links to the places. */
export interface LinkPlaces {
  toRead(
    place: ObjectPlace,
    options: { readonly contentType: string; readonly lifetimeMs: number },
  ): Promise<PlaceLink>;
  toWrite(
    place: ObjectPlace,
    options: Pick<UploadedObject, 'bytes' | 'sha256'> & { readonly lifetimeMs: number },
  ): Promise<PlaceLink & Pick<WriteLink, 'headers'>>;
  /** Undefined if nothing is there. Without a checksum if the server keeps none. */
  look(place: ObjectPlace): Promise<{ readonly bytes: number; readonly sha256?: Uint8Array } | undefined>;
}
