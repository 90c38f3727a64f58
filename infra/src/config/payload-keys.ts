/** What gateways record of who did what, and the keys with which gateways and workers seal payloads. */
import { z } from 'zod';
import { httpsUrl } from './gateway-access.ts';
import { peer } from './network.ts';
import { dnsLabel, roleArn } from './primitives.ts';

/** `audit` of the gateways (docs/operating/audit.md). What is absent has its default there. */
export const auditSchema = z.strictObject({
  required: z.enum(['admin', 'all']).optional(),
  submits: z.boolean().optional(),
  reads: z.enum(['none', 'people', 'all']).optional(),
  retentionDays: z.int().min(1).max(2_557).optional(),
});

const tenants = z
  .array(z.string().regex(/^(\*|[A-Za-z0-9_-]{1,64})$/, 'a tenant, or * for all'))
  .max(1_000)
  .default([]);

const kmsKeyArn = z
  .string()
  .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]{1,48}$/, 'the ARN of a KMS key');

/** `encryption` of gateways and workers (docs/operating/encryption.md). The Secrets are yours, in the namespace of the pods. */
export const encryptionSchema = z.discriminatedUnion('keys', [
  z.strictObject({
    keys: z.literal('file'),
    required: tenants,
    /** A Secret whose `keys` is the file of keys. */
    secret: dnsLabel,
  }),
  z.strictObject({
    keys: z.literal('vault'),
    required: tenants,
    address: httpsUrl,
    mount: z
      .string()
      .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, 'the path of a mount')
      .optional(),
    key: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/, 'the name of a transit key')
      .optional(),
    namespace: z.string().min(1).max(256).optional(),
    /** A Secret whose `token` is that of the Vault. */
    tokenSecret: dnsLabel,
    /** A Secret whose `ca.crt` has the authorities that certify the Vault. Default: those of the system. */
    caSecret: dnsLabel.optional(),
    /** Where the Vault is. Default: its port at any address. */
    to: z.array(peer).min(1).max(20).optional(),
  }),
  z.strictObject({
    keys: z.literal('aws-kms'),
    required: tenants,
    key: kmsKeyArn,
    /** Keys that sealed before, as long as anything is kept that they sealed. */
    formerKeys: z.array(kmsKeyArn).max(20).default([]),
    /** Such as that of a VPC endpoint. Default: that of AWS in the region of the key. */
    endpoint: httpsUrl.optional(),
    /**
     * `role`: the pods get a role from their platform, with `kms:Encrypt` and `kms:Decrypt`. With `aws`, that stack creates it.
     * Otherwise the Secret has the file `secret-access-key` of the access key.
     */
    credentials: z
      .union([z.literal('role'), z.strictObject({ accessKeyId: z.string().min(1).max(200), secret: dnsLabel })])
      .default('role'),
    /** The role that the service accounts of gateways and workers name (IRSA). Not with `aws`. */
    roleArn: roleArn.optional(),
    /** Where KMS is, and with `roleArn` STS. Default: its port at any address. */
    to: z.array(peer).min(1).max(20).optional(),
  }),
]);

export type EncryptionConfig = z.infer<typeof encryptionSchema>;
