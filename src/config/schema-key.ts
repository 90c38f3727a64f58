/** How a key of the schema is written down: what it takes, and what people must know about it. */
import { z } from 'zod';

export interface KeyNotes {
  readonly meaning: string;
  readonly unit?: string;
  /** What a larger or other value costs or gains. */
  readonly consequence: string;
  /** Shown in the reference in place of a computed or absent default. */
  readonly defaultNote?: string;
}

/** A leaf of the schema with its documentation. */
export function key<T extends z.ZodType>(schema: T, notes: KeyNotes): T {
  return schema.meta({ notes });
}

export const wholeNumber = (min: number, max: number) => z.number().int().min(min).max(max);
export const port = wholeNumber(0, 65_535);
export const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
export const path = z.string().min(1);

/** TLS towards a service: on with an authority to trust; with a certificate of our own where the service asks for one. */
export const clientTls = (service: string) =>
  z
    .strictObject({
      caPath: key(path.optional(), {
        meaning: `PEM file with the authorities that vouch for ${service}.`,
        consequence: 'Turns TLS on: nothing is sent to a server that they do not vouch for.',
        defaultNote: 'no TLS',
      }),
      certPath: key(path.optional(), {
        meaning: `PEM file with the certificate this process shows to ${service}.`,
        consequence: 'Only where they ask for one; with `keyPath` and `caPath`.',
        defaultNote: 'none',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of that certificate.',
        consequence: 'Readable by this process only, please.',
        defaultNote: 'none',
      }),
    })
    .prefault({});
