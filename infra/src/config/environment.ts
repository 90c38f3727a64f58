/**
 * An environment as typed and validated configuration. Unknown keys are refused, and secrets are references only. All
 * problems are reported together, each with its path, before anything is synthesized.
 */
import { z } from 'zod';
import { awsProblems, awsSchema } from './aws.ts';
import { dataSchema } from './data.ts';
import { dockerSchema, localSchema } from './machine.ts';
import { hasFollowers, messagingSchema } from './messaging.ts';
import { hasCredentials } from './gateway-access.ts';
import { networkSchema } from './network.ts';
import { objectsSchema } from './objects.ts';
import {
  certificatesSchema,
  clusterSchema,
  observabilitySchema,
  platformSchema,
  secretsSchema,
  stateSchema,
} from './platform.ts';
import { dnsLabel, image } from './primitives.ts';
import { auditSchema, encryptionSchema } from './payload-keys.ts';
import { queuesSchema } from './queues.ts';
import { tenantProblems, tenantsSchema } from './tenants.ts';
import { gatewaySchema, shardsSchema, workersSchema } from './workloads.ts';

const kubernetesParts = z.strictObject({
  kind: z.literal('kubernetes'),
  /** Suffix of the names of its stacks: `app-staging`. */
  name: dnsLabel.max(30),
  namespace: dnsLabel.default('troupe'),
  cluster: clusterSchema.prefault({}),
  state: stateSchema.default({ kind: 'local' }),
  image,
  /** Secrets with which the nodes of Kubernetes pull the images. */
  imagePullSecrets: z.array(dnsLabel).max(10).default([]),
  secrets: secretsSchema,
  certificates: certificatesSchema,
  platform: platformSchema.prefault({}),
  messaging: messagingSchema,
  data: dataSchema,
  /** If absent, large payloads lie in Cassandra, and streams have the limit of any payload. */
  objects: objectsSchema.optional(),
  gateway: gatewaySchema,
  shards: shardsSchema.prefault({}),
  workers: workersSchema,
  network: networkSchema.prefault({}),
  observability: observabilitySchema.prefault({}),
  /** Queues to declare, as a separate stack. If absent, no queues are declared. */
  queues: queuesSchema.optional(),
  /** Tenants to declare, as a separate stack. If absent, no tenants are declared. */
  tenants: tenantsSchema.optional(),
  /** What gateways record of who did what. If absent, what Troupe records by default. */
  audit: auditSchema.optional(),
  /** Keys with which gateways and workers seal payloads. If absent, payloads are not sealed. */
  encryption: encryptionSchema.optional(),
  /** The AWS account, if this app also manages it. */
  aws: awsSchema.optional(),
});

const kubernetesSchema = kubernetesParts
  .refine(({ workers, network }) => network.kubernetesApi || !workers.some(({ podDeletionCost }) => podDeletionCost), {
    message: 'a class with `podDeletionCost` must reach the Kubernetes API: add its endpoints here',
    path: ['network', 'kubernetesApi'],
  })
  .superRefine(({ tenants, workers, gateway, encryption }, context) => {
    const sealed = encryption !== undefined;
    for (const { path, message } of tenantProblems(tenants?.declared ?? {}, { workers, sealed }))
      context.addIssue({ code: 'custom', path: ['tenants', 'declared', ...path], message });
    if (tenants !== undefined && gateway.access.kind === 'none')
      context.addIssue({
        code: 'custom',
        path: ['tenants'],
        message: 'callers have no tenant of their own, because `gateway.access` asks for no credential',
      });
  })
  .refine(({ encryption, aws }) => !(encryption?.keys === 'aws-kms' && encryption.roleArn !== undefined && aws), {
    message: 'is not set with `aws`, whose stack creates the role',
    path: ['encryption', 'roleArn'],
  })
  .refine(({ messaging, gateway }) => !hasFollowers(messaging) || hasCredentials(gateway.access), {
    message: 'show a token or an API key, and `gateway.access` knows neither: add issuers or `apiKeys` to it',
    path: ['messaging', 'followers'],
  })
  .superRefine((environment, context) => {
    for (const { path, message } of awsProblems(environment))
      context.addIssue({ code: 'custom', path: [...path], message });
  });

const environmentSchema = z.discriminatedUnion('kind', [localSchema, dockerSchema, kubernetesSchema]);

export type EnvironmentInput = z.input<typeof environmentSchema>;
export type Environment = z.infer<typeof environmentSchema>;
export type KubernetesEnvironment = z.infer<typeof kubernetesSchema>;

/** Lists the problems of an environment, one per line, each with its path. */
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
  if (issue.code === 'invalid_key') return issue.issues.map((inner) => `${pathText(path)}: its name ${inner.message}`);
  return [`${pathText(path) || 'the environment'}: ${message}`];
}

/** Parses an environment. `source` names the input in the error, such as the file. Throws EnvironmentError. */
export function parseEnvironment(source: string, input: unknown): Environment {
  const parsed = environmentSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new EnvironmentError(source, parsed.error.issues.flatMap(problemLines));
}

/** Gives the files in environments/ the types of the schema. */
export function defineEnvironment(input: EnvironmentInput): EnvironmentInput {
  return input;
}
