/**
 * The ticket of an upload: an empty object that lies beside others under the time at which the upload is swept if nobody has
 * kept it. Its name says where the upload lies. Who keeps the upload removes its ticket first.
 */
import type { UploadedObject } from '../ports/payload-links.ts';
import { objectPlace, type ObjectPlace } from './object-id.ts';

/** How much later than the last moment of `keep` the sweep comes. So the two never meet, even on clocks that differ. */
export const sweptLateMs = 600_000;
const word = 'unused';

export function ticketPlace({ name, keepByMs, expiresAtMs }: UploadedObject): ObjectPlace {
  return objectPlace({ name: `${word}/${expiresAtMs}/${name}`, expiresAtMs: keepByMs + sweptLateMs });
}

/** The place of the upload. Undefined if the entry is of no ticket. */
export function placeOfTicket(entry: string): ObjectPlace | undefined {
  const [, expires, name] = /^\d{15}\.unused~(\d{1,15})~([A-Za-z0-9_-]{1,80})$/.exec(entry) ?? [];
  return name === undefined ? undefined : objectPlace({ name, expiresAtMs: Number(expires) });
}
