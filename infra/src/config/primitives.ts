/** The values that environments are made of, each with the rule of whoever reads it in the end: Kubernetes, NATS, a shell. */
import { z } from 'zod';

/** A name of a Kubernetes object, a namespace or a stack (RFC 1123 label). */
export const dnsLabel = z
  .string()
  .max(63, 'at most 63 characters')
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'a name of Kubernetes: lower-case letters, digits and -, no - at its ends');

export const hostPort = z
  .string()
  .regex(/^[A-Za-z0-9.-]+:[0-9]{1,5}$/, 'host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535');

/** Whole cores: the threads of a worker are its limit of CPU, and a thread cannot use half a core well. */
export const wholeCores = z.int().min(1).max(256);

/** Milli-cores, for what does not run handlers. */
export const milliCores = z.int().min(10).max(256_000);

export const mebibytes = z.int().min(32).max(4_194_304);
export const gibibytes = z.int().min(1).max(65_536);
export const seconds = z.int().min(0).max(86_400);
export const port = z.int().min(1).max(65_535);
/** A port that 0 leaves to the machine. */
export const anyPort = z.int().min(0).max(65_535);

/** `repository`, and either a digest (what production asks for) or a tag. */
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

export const labels = z.record(
  z.string().regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, 'a label of Kubernetes'),
  z.string().regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, 'a value of a label of Kubernetes'),
);

export type Image = z.infer<typeof image>;
