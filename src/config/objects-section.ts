/** Where large payloads lie. */
import { z } from 'zod';
import { key, path, wholeNumber } from './schema-key.ts';
import { serviceUrl } from './service-url.ts';

export const objectsSection = z.strictObject({
  kind: key(z.enum(['none', 'files', 's3']).optional(), {
    meaning: 'Where large inputs, outputs and checkpoints are stored.',
    consequence:
      '`files` is a folder that all processes of the cluster share. `s3` is a bucket of any server that speaks S3. `none`: from then on they lie in the store of the jobs, whatever their size; what already lies in the folder, or in the bucket that is still configured, is found there. Processes with `none` beside others are fine.',
    defaultNote: '`files` with the store `sqlite`, otherwise `none`',
  }),
  largeAboveBytes: key(wholeNumber(1_024, 64 * 1_048_576).default(1_048_576), {
    meaning: 'A payload of more bytes is a large one.',
    unit: 'bytes',
    consequence: 'A change applies to what is written from then on. What is stored is found where it lies.',
  }),
  payloadMaxBytes: key(wholeNumber(1_024, 5 * 1_024 ** 4).default(4 * 1_024 ** 3), {
    meaning: 'Largest input, output or checkpoint that is streamed, where large payloads lie in files or in a bucket.',
    unit: 'bytes',
    consequence:
      'Only handlers with `input: streamed()` get an input above `gateway.payloadMaxBytes`, and only `ctx.output.stream()` gives such an output. Nothing holds it in memory. With `kind: none`, or below `gateway.payloadMaxBytes`, that limit applies.',
  }),
  linkLifetimeMs: key(wholeNumber(10_000, 7 * 24 * 3_600_000).default(900_000), {
    meaning: 'How long a link to a payload lasts, with which a client reads or writes it at the bucket itself.',
    unit: 'ms',
    consequence:
      'Who has a link needs no other right until it ends, and a request that has begun goes on. A link never outlasts the payload, nor the credentials that signed it: those of a role last an hour or a few.',
  }),
  files: z
    .strictObject({
      path: key(path.optional(), {
        meaning: 'The folder of large payloads.',
        consequence: 'Part of a backup, as the store is. It needs the space, and must keep what it was told to sync.',
        defaultNote: '`store.sqlite.path` with `.objects` appended',
      }),
      reserveBytes: key(wholeNumber(0, Number.MAX_SAFE_INTEGER).default(512 * 1_048_576), {
        meaning: 'Space of its disk that large payloads leave free.',
        unit: 'bytes',
        consequence:
          'Large payloads that would take of it are refused with STORE_UNAVAILABLE. What else is on the disk, such as the embedded store, goes on, and jobs end.',
      }),
    })
    .prefault({}),
  s3: z
    .strictObject({
      bucket: key(
        z
          .string()
          .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
          .optional(),
        {
          meaning: 'The bucket of large payloads. It must exist.',
          consequence:
            'Part of a backup, as the store is. Give the processes the right to list, read, write and delete in it.',
          defaultNote: 'none',
        },
      ),
      prefix: key(
        z
          .string()
          .regex(/^([A-Za-z0-9_-]+\/)*$/, 'must be empty, or end with a slash')
          .default('troupe/'),
        {
          meaning: 'Begins the key of every object.',
          consequence: 'Two clusters on one bucket need two prefixes.',
        },
      ),
      region: key(z.string().min(1).default('us-east-1'), {
        meaning: 'Region of the bucket.',
        consequence: 'Requests are signed for it. Many servers other than AWS ignore it.',
      }),
      endpoint: key(serviceUrl.optional(), {
        meaning: 'Address of the server, such as `https://s3.example.com`.',
        consequence: 'With `http` payloads travel as plain text.',
        defaultNote: 'that of AWS in the region',
      }),
      linkEndpoint: key(serviceUrl.optional(), {
        meaning: 'Address of the server in links to payloads, where clients reach it under another one.',
        consequence: 'The processes of the cluster do not use it.',
        defaultNote: '`objects.s3.endpoint`',
      }),
      pathStyle: key(z.boolean().default(false), {
        meaning: 'Whether the bucket is part of the path instead of the host name.',
        consequence: 'Most servers other than AWS need it.',
      }),
      accessKeyId: key(z.string().min(1).optional(), {
        meaning: 'Key id to sign with, with the secret in `secretAccessKeyPath`.',
        consequence: 'Without it the AWS SDK looks for credentials: variables, a role of the pod, of the machine.',
        defaultNote: 'found by the SDK',
      }),
      secretAccessKeyPath: key(path.optional(), {
        meaning: 'File with the secret of `accessKeyId`. White space at its end is ignored.',
        consequence: 'Read again every 10 s, so it may be replaced while the process runs.',
        defaultNote: 'none',
      }),
    })
    .prefault({}),
});
