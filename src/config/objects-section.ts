/** Where large payloads lie. */
import { z } from 'zod';
import { key, path, wholeNumber } from './schema-key.ts';

export const objectsSection = z.strictObject({
  kind: key(z.enum(['none', 'files']).optional(), {
    meaning: 'Where large inputs, outputs and checkpoints are stored.',
    consequence:
      '`files` is a folder that all processes of the cluster share. `none`: they lie in the store of the jobs, whatever their size. All processes must have the same.',
    defaultNote: '`files` with the store `sqlite`, otherwise `none`',
  }),
  largeAboveBytes: key(wholeNumber(1_024, 64 * 1_048_576).default(1_048_576), {
    meaning: 'A payload of more bytes is a large one.',
    unit: 'bytes',
    consequence: 'A change applies to what is written from then on. What is stored is found where it lies.',
  }),
  files: z
    .strictObject({
      path: key(path.optional(), {
        meaning: 'The folder of large payloads.',
        consequence: 'Part of a backup, as the store is. It needs the space, and must keep what it was told to sync.',
        defaultNote: '`store.sqlite.path` with `.objects` appended',
      }),
    })
    .prefault({}),
});
