/** The value types of environments. Each follows the rules of its final reader: Kubernetes, NATS or a shell. */
import { z } from 'zod';
import { wordRecord } from '../../../src/contract/word-record.ts';

/** The name of a Kubernetes object, a namespace or a stack (RFC 1123 label). */
export const dnsLabel = z
  .string()
  .max(63, 'at most 63 characters')
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'a name of Kubernetes: lower-case letters, digits and -, no - at its ends');

/**
 * Checks what an environment declares in the format of one of Troupe's files, and keeps it as it is written, because it is
 * handed on in such a file.
 */
export function asWritten<Schema extends z.ZodType>(schema: Schema) {
  return z.custom<z.input<Schema>>().check((checked) => {
    const { error } = schema.safeParse(checked.value);
    for (const issue of error?.issues ?? [])
      checked.issues.push({ ...issue, input: checked.value } as z.core.$ZodRawIssue);
  });
}

export const hostPort = z
  .string()
  .regex(/^[A-Za-z0-9.-]+:[0-9]{1,5}$/, 'host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535');

/** Whole cores. The CPU limit of a worker equals its number of threads, and half a core is no use to a thread. */
export const wholeCores = z.int().min(1).max(256);

/** Milli-cores, for workloads that do not run handlers. */
export const milliCores = z.int().min(10).max(256_000);

export const mebibytes = z.int().min(32).max(4_194_304);
export const gibibytes = z.int().min(1).max(65_536);
export const seconds = z.int().min(0).max(86_400);
export const port = z.int().min(1).max(65_535);
/** A port; 0 means any free one. */
export const anyPort = z.int().min(0).max(65_535);

/** `repository` with either a digest (recommended for production) or a tag. */
export const image = z
  .strictObject({
    repository: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9._/:-]*[a-z0-9])?$/, 'a repository such as registry.example.com/troupe'),
    tag: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, 'a tag')
      .optional(),
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits')
      .optional(),
  })
  .refine(({ tag, digest }) => (tag === undefined) !== (digest === undefined), 'give either `tag` or `digest`');

export const labels = wordRecord(
  z.string().regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, 'a Kubernetes label key'),
  z.string().regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, 'a Kubernetes label value'),
);

export type Image = z.infer<typeof image>;

export const roleArn = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/\S+$/, 'the ARN of a role');
