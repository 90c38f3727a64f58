/**
 * What one process of this machine is: how it is started, recognised, found ready and stopped. Made at synth from an
 * environment, kept in terraform's state, and read by the program that its provisioners run. It holds no secret.
 */
import { z } from 'zod';

const readinessSchema = z.discriminatedUnion('kind', [
  /** 200 of its /readyz. */
  z.strictObject({ kind: z.literal('http'), port: z.int() }),
  /** The greeting of a nats-server. */
  z.strictObject({ kind: z.literal('nats'), port: z.int() }),
  /** A Cassandra that answers CQL. */
  z.strictObject({ kind: z.literal('cql'), port: z.int() }),
  /** A command that ends: ready when it has, with exit code 0. */
  z.strictObject({ kind: z.literal('exit') }),
]);

const processSpecSchema = z.strictObject({
  name: z.string().min(1),
  /** Of the environment: everything that its processes keep. */
  dataDir: z.string().min(1),
  /** `run`: the process itself. `prepare`: a command that prints, as JSON, how to run it. */
  command: z.strictObject({ kind: z.enum(['run', 'prepare']), argv: z.array(z.string()).min(1) }),
  /** Configuration, written before it is started. */
  file: z.strictObject({ path: z.string(), content: z.string() }).optional(),
  /** A text that the command lines of this very process hold, and no others: how it is told from another with its id. */
  mark: z.string().min(1),
  /** What it listens on, each with its key in the environment. */
  ports: z.array(z.strictObject({ key: z.string(), port: z.int() })),
  readiness: readinessSchema,
  readySeconds: z.int().min(1),
  /** From SIGTERM to SIGKILL. */
  stopSeconds: z.int().min(1),
  version: z.string(),
});

/** One start of it: what is alive with the generation that the state names is what was deployed. */
export const deployedProcessSchema = z.strictObject({ spec: processSpecSchema, generation: z.string().min(1) });

export type ProcessSpec = z.infer<typeof processSpecSchema>;
export type Readiness = z.infer<typeof readinessSchema>;
export type DeployedProcess = z.infer<typeof deployedProcessSchema>;
