/**
 * `PayloadStore` on places that hold whole objects: what every object store does alike. A reader gets exactly the bytes that
 * the id vouches for, or an error. Readers ask for one piece at a time, so that a payload which was erased is gone for those
 * who are reading it, too.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { payloadPartBytes, type PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { damagedPayload } from './damaged-payload.ts';
import { createObjectLinks, type ObjectLinksParts } from './object-links.ts';
import type { ObjectPlaces } from './object-places.ts';
import type { PlaceMark } from './place-mark.ts';
import { type ObjectId, objectIdText, objectPlace, parseObjectId } from './object-id.ts';

export interface ObjectPayloadsParts {
  readonly places: ObjectPlaces;
  readonly mark: PlaceMark;
  readonly clock: Clock;
  /** Needed if the places have links. */
  readonly linking?: Pick<ObjectLinksParts, 'lifetimeMs' | 'writes'>;
}

export function createObjectPayloads(parts: ObjectPayloadsParts): PayloadStore {
  const { places, mark } = parts;
  const { find, read, readFrom } = createReads(parts);

  const write: PayloadStore['writePayload'] = async (input, source) => {
    const place = objectPlace(input);
    await mark.ensure();
    let sha256: Uint8Array = new Uint8Array();
    let bytes = 0;
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      for (let next = await source.next(); ; next = await source.next()) {
        if (next.done === true) {
          sha256 = next.value;
          return;
        }
        bytes += next.value.byteLength;
        yield next.value;
      }
    }
    await places.put(place, input.bytes, pieces());
    return { id: objectIdText({ ...input, bytes, sha256 }), bytes, sha256 };
  };

  const openPayload: PayloadStore['openPayload'] = async (id) => {
    const object = await find(id);
    if (object === undefined) return undefined;
    const { bytes, sha256 } = object;
    return { bytes, sha256, readFrom: (offset) => readFrom(id, object, offset) };
  };

  return {
    async putPayload({ bytes, ...input }) {
      const { id } = await write({ ...input, bytes: bytes.byteLength }, wholeInParts(bytes));
      return id;
    },
    writePayload: write,
    ...given({ writeHolds: places.writeHolds }),
    async getPayload(id) {
      const object = await find(id);
      const whole = object && (await read(object, 0, object.bytes));
      if (object === undefined || whole === undefined) return undefined;
      const sum = createHash('sha256').update(whole).digest();
      if (!timingSafeEqual(sum, object.sha256)) throw damagedPayload(id);
      return whole;
    },
    openPayload,
    async deletePayload(id) {
      const object = parseObjectId(id);
      if (object === undefined) return;
      // Elsewhere it would be there still, though it was said to be gone.
      await mark.confirm();
      await places.remove(objectPlace(object));
    },
    ...given({ links: linksOf(parts, openPayload) }),
  };
}

function linksOf({ linking, ...parts }: ObjectPayloadsParts, open: ObjectLinksParts['open']): PayloadStore['links'] {
  const { links } = parts.places;
  return links && linking && createObjectLinks({ ...parts, ...linking, links, open });
}

function createReads({ places, mark, clock }: ObjectPayloadsParts) {
  /** Undefined if it is no object, or has expired. */
  const known = (id: string): ObjectId | undefined => {
    const object = parseObjectId(id);
    return object !== undefined && object.expiresAtMs > clock.nowMs() ? object : undefined;
  };

  /** Rejects if it is not there and this may be another place. */
  async function read(object: ObjectId, offset: number, bytes: number): Promise<Uint8Array | undefined> {
    const found = await places.read(objectPlace(object), offset, bytes);
    if (found === undefined) await mark.confirm();
    return found;
  }

  async function* readFrom(id: string, object: ObjectId, offset: number): AsyncGenerator<Uint8Array, void> {
    for (let at = offset; at < object.bytes;) {
      const bytes = Math.min(payloadPartBytes, object.bytes - at);
      const piece = known(id) && (await read(object, at, bytes));
      if (piece === undefined) throw new TroupeError('PAYLOAD_GONE', { metadata: { why: 'missing' } });
      if (piece.byteLength !== bytes) throw damagedPayload(id);
      at += bytes;
      yield piece;
    }
  }

  /** Undefined if it is gone. An object of another size than was written is damaged. */
  async function find(id: string): Promise<ObjectId | undefined> {
    const object = known(id);
    if (object === undefined) return undefined;
    const bytes = await places.sizeOf(objectPlace(object));
    if (bytes === undefined) await mark.confirm();
    if (bytes === undefined) return undefined;
    if (bytes !== object.bytes) throw damagedPayload(id);
    return object;
  }

  return { find, read, readFrom };
}

async function* wholeInParts(bytes: Uint8Array): AsyncGenerator<Uint8Array, Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += payloadPartBytes) {
    yield bytes.subarray(from, from + payloadPartBytes);
  }
  return createHash('sha256').update(bytes).digest();
}
