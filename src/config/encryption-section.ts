/** Encryption of payloads and texts of jobs. */
import { z } from 'zod';
import { key, path } from './schema-key.ts';
import { serviceUrl } from './service-url.ts';

const tenantOrAll = z
  .string()
  .regex(/^(\*|[A-Za-z0-9_-]{1,64})$/, 'must be a tenant (1 to 64 of A-Z a-z 0-9 _ -), or *');

const kmsKey =
  /^(arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:(key\/[A-Za-z0-9-]{1,48}|alias\/[A-Za-z0-9/_-]{1,250})|alias\/[A-Za-z0-9/_-]{1,250}|[A-Za-z0-9-]{1,48})$/;

export const encryptionSection = z.strictObject({
  keys: key(z.enum(['none', 'file', 'vault', 'aws-kms']).default('none'), {
    meaning: 'Where the keys are that wrap the keys of payloads.',
    consequence:
      'A process with keys opens what is sealed. One with `none` cannot: its workers release such jobs, and its gateways answer ENCRYPTION_UNAVAILABLE. Give keys to all gateways and workers before anything is sealed.',
  }),
  required: key(z.array(tenantOrAll).max(1_000).default([]), {
    meaning: 'Tenants whose inputs, outputs, checkpoints, logs and failure texts are sealed. `*` means all.',
    consequence:
      'Without a key their submits are refused with ENCRYPTION_UNAVAILABLE, and nothing is ever stored as plain text. What a job of theirs has already stored stays as it is. A job whose input is sealed is sealed to its end, whatever this says.',
  }),
  file: z
    .strictObject({
      path: key(path.optional(), {
        meaning: 'File with the keys: on each line a name, a space, and 32 bytes as base64.',
        consequence:
          'The first key seals, the others still open. Read again while the process runs, within ten seconds. A key must stay in the file as long as anything that it sealed is kept.',
        defaultNote: 'none',
      }),
    })
    .prefault({}),
  vault: z
    .strictObject({
      address: key(serviceUrl.optional(), {
        meaning: 'Address of the Vault, such as `https://vault.example.com:8200`.',
        consequence: 'With `http` the keys of payloads travel as plain text.',
        defaultNote: 'none',
      }),
      mount: key(
        z
          .string()
          .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, 'must be the path of a mount')
          .default('transit'),
        {
          meaning: 'Where its transit engine is mounted.',
          consequence: 'What was sealed opens only with the same mount.',
        },
      ),
      key: key(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/, 'must be the name of a transit key')
          .default('troupe'),
        {
          meaning: 'Name of the transit key. Make it with `derived=true`.',
          consequence: 'Another name seals what comes from then on. What was sealed names its key.',
        },
      ),
      namespace: key(z.string().min(1).max(256).optional(), {
        meaning: 'Namespace of the Vault.',
        consequence: 'Sent with each request.',
        defaultNote: 'none',
      }),
      tokenPath: key(path.optional(), {
        meaning: 'File with the token. It must be allowed to `update` on `encrypt` and `decrypt` of the key.',
        consequence: 'Read again while the process runs, within ten seconds, so that an agent may renew it.',
        defaultNote: 'none',
      }),
      caPath: key(path.optional(), {
        meaning: 'PEM file of the authorities that certify the server.',
        consequence: 'Read again while the process runs.',
        defaultNote: 'those of the system',
      }),
    })
    .prefault({}),
  awsKms: z
    .strictObject({
      key: key(
        z
          .string()
          .regex(kmsKey, 'must be the ARN of a KMS key or alias, the id of a key, or alias/ and a name')
          .optional(),
        {
          meaning:
            'The KMS key: its ARN or that of an alias, or in the account of the credentials `alias/` and a name.',
          consequence:
            'Another key of the same account and region seals what comes from then on. What was sealed names its key.',
          defaultNote: 'none',
        },
      ),
      region: key(
        z
          .string()
          .regex(/^[a-z0-9-]{1,32}$/, 'must be the name of a region')
          .optional(),
        {
          meaning: 'Region of the key.',
          consequence: 'Needed unless `key` is an ARN, and otherwise the same as in it.',
          defaultNote: 'that of the ARN',
        },
      ),
      endpoint: key(serviceUrl.optional(), {
        meaning: 'Address of KMS, such as that of a VPC endpoint or of FIPS.',
        consequence: 'With `http` the keys of payloads travel as plain text.',
        defaultNote: 'that of AWS in the region',
      }),
      accessKeyId: key(z.string().min(1).optional(), {
        meaning: 'Access key.',
        consequence: 'Without it the AWS SDK looks for credentials: variables, a role of the pod, of the machine.',
        defaultNote: 'none',
      }),
      secretAccessKeyPath: key(path.optional(), {
        meaning: 'File with the secret of the access key.',
        consequence: 'Read again while the process runs, within ten seconds.',
        defaultNote: 'none',
      }),
    })
    .prefault({}),
});
