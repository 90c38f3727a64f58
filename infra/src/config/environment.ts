/**
 * An environment, as typed and validated configuration: unknown keys are refused, secrets are references. What is wrong
 * is said with its path in the environment, all of it at once, before anything is synthesized.
 */
import { z } from 'zod';
import { awsProblems, awsSchema } from './aws.ts';
import { dataSchema } from './data.ts';
import { dockerSchema, localSchema } from './machine.ts';
import { messagingSchema } from './messaging.ts';
import { networkSchema } from './network.ts';
import {
  certificatesSchema,
  clusterSchema,
  observabilitySchema,
  platformSchema,
  secretsSchema,
  stateSchema,
} from './platform.ts';
import { dnsLabel, image } from './primitives.ts';
import { queuesSchema } from './queues.ts';
import { gatewaySchema, shardsSchema, workersSchema } from './workloads.ts';

const kubernetesParts = z.strictObject({
  kind: z.literal('kubernetes'),
  /** Ends the names of its stacks: `app-staging`. */
  name: dnsLabel.max(30),
  namespace: dnsLabel.default('troupe'),
  cluster: clusterSchema.prefault({}),
  state: stateSchema.default({ kind: 'local' }),
  image,
  /** Secrets by which the nodes of Kubernetes may fetch the images. */
  imagePullSecrets: z.array(dnsLabel).max(10).default([]),
  secrets: secretsSchema,
  certificates: certificatesSchema,
  platform: platformSchema.prefault({}),
  messaging: messagingSchema,
  data: dataSchema,
  gateway: gatewaySchema.prefault({}),
  shards: shardsSchema.prefault({}),
  workers: workersSchema,
  network: networkSchema.prefault({}),
  observability: observabilitySchema.prefault({}),
  /** What its queues are, as a stack of its own; absent: nobody declares them. */
  queues: queuesSchema.optional(),
  /** The account under it, where that is a stack of this app, too. */
  aws: awsSchema.optional(),
});

const kubernetesSchema = kubernetesParts
  .refine(({ workers, network }) => network.kubernetesApi || !workers.some(({ podDeletionCost }) => podDeletionCost), {
    message: 'a class with `podDeletionCost` must reach the API of Kubernetes: say where it answers',
    path: ['network', 'kubernetesApi'],
  })
  .superRefine((environment, context) => {
    for (const { path, message } of awsProblems(environment))
      context.addIssue({ code: 'custom', path: [...path], message });
  });

const environmentSchema = z.discriminatedUnion('kind', [localSchema, dockerSchema, kubernetesSchema]);

export type EnvironmentInput = z.input<typeof environmentSchema>;
export type Environment = z.infer<typeof environmentSchema>;
export type KubernetesEnvironment = z.infer<typeof kubernetesSchema>;

/** What is wrong with an environment: one line a problem, each with its path. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly problems: readonly string[];

  constructor(source: string, problems: readonly string[]) {
    super(`${source}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

function problemLines({ path, message, ...issue }: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${pathText([...path, key])}: no such key`);
  }
  return [`${pathText(path) || 'the environment'}: ${message}`];
}

/** `source` is named in the error, such as the file. Throws EnvironmentError. */
export function parseEnvironment(source: string, input: unknown): Environment {
  const parsed = environmentSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new EnvironmentError(source, parsed.error.issues.flatMap(problemLines));
}

/** For the files in environments/: gives the types of the schema to whoever writes one. */
export function defineEnvironment(input: EnvironmentInput): EnvironmentInput {
  return input;
}
