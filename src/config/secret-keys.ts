/** Keys of the workers about the secrets that handlers read. */
import { z } from 'zod';
import { key, path } from './schema-key.ts';

/** A name, the beginning of names with `*`, or `*` for all. */
const pattern = z
  .string()
  .regex(/^(?:[A-Za-z0-9._/-]{0,256}\*|[A-Za-z0-9._/-]{1,256})$/, 'must be a name, or the beginning of one and *');
const patterns = z.array(pattern).min(1).max(100);

const grant = z.strictObject({ secrets: patterns, handlers: patterns, tenants: patterns });

export const secretKeys = z
  .strictObject({
    path: key(path.optional(), {
      meaning:
        'Folder with one file for each secret that handlers read with `ctx.secret`, or with folders of them (`smtp/password`).',
      consequence: 'A file is read again when it is needed and what is known of it is 10 s old. At most 64 KiB each.',
      defaultNote: 'none: handlers get no secrets',
    }),
    grants: key(z.array(grant).max(1_000).default([]), {
      meaning:
        'Which `handlers` may read which `secrets` in jobs of which `tenants`. Each is a list of names, or of their beginnings with `*`.',
      consequence: 'A secret that no entry allows does not exist for the handler. At most 1,000.',
      defaultNote: 'none',
    }),
  })
  .prefault({});
