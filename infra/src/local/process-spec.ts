/**
 * One process of this machine: how to start, recognize, probe and stop it. It is created at synth from an environment,
 * stored in terraform's state, and read by the program that the provisioners run. It contains no secret.
 */
import { z } from 'zod';

const readinessSchema = z.discriminatedUnion('kind', [
  /** Ready if /readyz answers 200. */
  z.strictObject({ kind: z.literal('http'), port: z.int() }),
  /** Ready if the greeting of a nats-server arrives. */
  z.strictObject({ kind: z.literal('nats'), port: z.int() }),
  /** Ready if it answers CQL. */
  z.strictObject({ kind: z.literal('cql'), port: z.int() }),
  /** A command: ready once it has ended with exit code 0. */
  z.strictObject({ kind: z.literal('exit') }),
]);

const processSpecSchema = z.strictObject({
  name: z.string().min(1),
  /** Data folder of the environment, for everything that its processes keep. */
  dataDir: z.string().min(1),
  /** `run`: the command is the process itself. `prepare`: the command prints, as JSON, how to run it. */
  command: z.strictObject({ kind: z.enum(['run', 'prepare']), argv: z.array(z.string()).min(1) }),
  /** A configuration file that is written before the start. */
  file: z.strictObject({ path: z.string(), content: z.string() }).optional(),
  /**
   * A text that only this process has on its command line. It tells the process from another one that got the same pid.
   */
  mark: z.string().min(1),
  /** The ports it listens on, with their keys in the environment. */
  ports: z.array(z.strictObject({ key: z.string(), port: z.int() })),
  readiness: readinessSchema,
  readySeconds: z.int().min(1),
  /** Seconds from SIGTERM to SIGKILL. */
  stopSeconds: z.int().min(1),
  version: z.string(),
});

/** One start of a process. The deployed process is alive if a process with the generation in the state is. */
export const deployedProcessSchema = z.strictObject({ spec: processSpecSchema, generation: z.string().min(1) });

export type ProcessSpec = z.infer<typeof processSpecSchema>;
export type Readiness = z.infer<typeof readinessSchema>;
export type DeployedProcess = z.infer<typeof deployedProcessSchema>;
