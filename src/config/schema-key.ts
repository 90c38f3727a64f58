/** How the schema declares a key: its allowed values, and what the reference says about it. */
import { z } from 'zod';

export interface KeyNotes {
  readonly meaning: string;
  readonly unit?: string;
  /** What another value costs or gains. */
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

/** TLS towards a service. An authority to trust turns it on; a certificate of our own is for services that ask for one. */
export const clientTls = (service: string) =>
  z
    .strictObject({
      caPath: key(path.optional(), {
        meaning: `PEM file with the certificate authorities of ${service}.`,
        consequence: 'Turns TLS on. Nothing is sent to a server that they have not certified.',
        defaultNote: 'no TLS',
      }),
      certPath: key(path.optional(), {
        meaning: `PEM file with the certificate that this process presents to ${service}.`,
        consequence: 'Only if they ask for one; together with `keyPath` and `caPath`.',
        defaultNote: 'none',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of that certificate.',
        consequence: 'Let only this process read it.',
        defaultNote: 'none',
      }),
    })
    .prefault({});
