/**
 * `PayloadLinks` on places that hold whole objects.
 *
 * Beside an upload that was begun lies its ticket. A sweep that meets an expired ticket removes the upload, then the ticket.
 * Who keeps the upload removes the ticket before a record may name the upload. So a crash at any point leaves an upload with
 * its ticket, which is swept, or one without, which expires like every payload that no record names.
 */
import { createHash } from 'node:crypto';
import { given } from '../../domain/given.ts';
import type { PayloadLinks, UploadLinks } from '../ports/payload-links.ts';
import { payloadMarginMs, type StoredPayload } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { objectIdText, objectPlace, parseObjectId } from './object-id.ts';
import type { LinkPlaces, ObjectPlaces } from './object-places.ts';
import type { PlaceMark } from './place-mark.ts';
import { sweptLateMs, ticketPlace } from './upload-ticket.ts';

/** A shorter link is not worth a request. */
const linkMinMs = 1_000;

export interface ObjectLinksParts {
  readonly places: Pick<ObjectPlaces, 'put' | 'remove'>;
  readonly links: LinkPlaces;
  readonly mark: Pick<PlaceMark, 'ensure' | 'confirm'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** How long a link lasts at most. */
  readonly lifetimeMs: number;
  /** Whether this process writes large payloads. */
  readonly writes: boolean;
  readonly open: (id: string) => Promise<StoredPayload | undefined>;
}

export function createObjectLinks(parts: ObjectLinksParts): PayloadLinks {
  const { links, clock, open, writes } = parts;
  return {
    async toRead({ id, encoding }, untilMs) {
      const object = parseObjectId(id);
      if (object === undefined || (await open(id)) === undefined) return undefined;
      const nowMs = clock.nowMs();
      const lifetimeMs = Math.min(parts.lifetimeMs, untilMs - nowMs, object.expiresAtMs - nowMs);
      if (lifetimeMs < linkMinMs) return undefined;
      const contentType = encoding === 'json' ? 'application/json' : 'application/octet-stream';
      const { url, lastsMs } = await links.toRead(objectPlace(object), { contentType, lifetimeMs });
      return { url, expiresAtMs: nowMs + lastsMs, bytes: object.bytes, sha256: object.sha256 };
    },
    ...given({ uploads: writes ? createUploads(parts) : undefined }),
  };
}

function createUploads({ places, links, mark, clock, lifetimeMs, open }: ObjectLinksParts): UploadLinks {
  return {
    lifetimeMs,
    async begin(upload) {
      await mark.ensure();
      // The ticket comes first: without it nothing would sweep what the link brings.
      await places.put(ticketPlace(upload), 0, nothing());
      const nowMs = clock.nowMs();
      const mostMs = Math.min(lifetimeMs, Math.max(linkMinMs, upload.keepByMs - nowMs));
      const { url, headers, lastsMs } = await links.toWrite(objectPlace(upload), { ...upload, lifetimeMs: mostMs });
      return { url, headers, expiresAtMs: nowMs + lastsMs };
    },
    async find(upload, beforePiece) {
      const found = await links.look(objectPlace(upload));
      // Nothing may also mean another place.
      if (found === undefined) await mark.confirm();
      if (found === undefined) return undefined;
      const { bytes, sha256 } = found;
      // What has another size is refused whatever its checksum is.
      if (bytes !== upload.bytes) return { bytes, sha256: new Uint8Array() };
      return { bytes, sha256: sha256 ?? (await digestOf(await open(objectIdText(upload)), beforePiece)) };
    },
    async keep(upload) {
      await mark.confirm();
      // Surely no sweep has begun with it, by whatever clock.
      const isInTime = (): boolean => clock.nowMs() < upload.keepByMs + sweptLateMs - payloadMarginMs;
      // The sweep comes for it by its ticket.
      if (!isInTime()) return undefined;
      await places.remove(ticketPlace(upload));
      return isInTime() ? objectIdText(upload) : undefined;
    },
  };
}

/** Of a server that keeps no checksum: the bytes come by here, one piece in memory at a time. */
async function digestOf(stored: StoredPayload | undefined, beforePiece: () => void): Promise<Uint8Array> {
  const digest = createHash('sha256');
  beforePiece();
  for await (const piece of stored?.readFrom(0) ?? []) {
    beforePiece();
    digest.update(piece);
  }
  return digest.digest();
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {
  // An empty object has no pieces.
}
