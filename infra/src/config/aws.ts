/** The AWS account under an environment of Kubernetes: network, cluster, machines, and where its data and secrets lie. */
import { z } from 'zod';
import type { DataConfig } from './data.ts';
import { dnsLabel, gibibytes } from './primitives.ts';
import type { WorkerClassConfig } from './workloads.ts';

const instanceTypes = z
  .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'a type of instance such as m7i.large'))
  .min(1)
  .max(20);
const subnetId = z.string().regex(/^subnet-[0-9a-f]{8,17}$/, 'the id of a subnet');
const zone = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'an availability zone such as eu-central-1a');
const roleArn = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/\S+$/, 'the ARN of a role');
const cidr = z.cidrv4();

/** The taint and label of a class's machines; its pods choose and tolerate it. */
export const workerTaint = 'troupe.dev/worker-class';

const network = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('new'),
    /** A /16 gives each zone a /20 for machines and pods and a /24 for what faces the internet. */
    cidr: z
      .string()
      .regex(/^\d{1,3}\.\d{1,3}\.0\.0\/16$/, 'a block such as 10.40.0.0/16')
      .default('10.40.0.0/16'),
    zones: z
      .array(zone)
      .length(3, 'names three zones: NATS and Cassandra need a majority when one is lost')
      .refine((zones) => new Set(zones).size === zones.length, 'names a zone twice'),
    /** `one` is cheaper, and its zone takes the way out of the others with it. */
    natGateways: z.enum(['each-zone', 'one']).default('each-zone'),
  }),
  z.strictObject({
    kind: z.literal('existing'),
    /** Private ones with a way out, in three zones. */
    subnetIds: z.array(subnetId).length(3, 'names three subnets, one for each zone'),
  }),
]);

const size = { min: z.int().min(0).max(1_000), max: z.int().min(1).max(1_000) };
const isInOrder = ({ min, max }: { readonly min: number; readonly max: number }): boolean => min <= max;
const order = { message: 'is at most `max`', path: ['min'] };

const systemNodes = z
  .strictObject({ instanceTypes: instanceTypes.default(['m7i.xlarge']), ...size, diskGb: gibibytes.default(50) })
  .refine(isInOrder, order);

/** Fixed in number: a Cassandra node moves by hand. */
const dataNodes = z.strictObject({
  instanceTypes: instanceTypes.default(['r7i.xlarge']),
  nodes: z.int().min(3).max(300).multipleOf(3).default(3),
  diskGb: gibibytes.default(50),
});

const workerNodes = z
  .strictObject({
    /** A class of `workers`; its pods tolerate the taint of these machines. */
    class: dnsLabel,
    instanceTypes: instanceTypes.default(['c7i.2xlarge']),
    /** Spare machines that AWS may take back: a lost worker costs its runs an uncounted attempt. */
    spot: z.boolean().default(false),
    ...size,
    diskGb: gibibytes.default(50),
  })
  .refine(isInOrder, order);

export const awsSchema = z.strictObject({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1'),
  /** Anything else is refused by the provider before it changes a thing. */
  accountId: z.string().regex(/^\d{12}$/, 'twelve digits'),
  network,
  cluster: z.strictObject({
    version: z
      .string()
      .regex(/^1\.\d{2}$/, 'a version of Kubernetes such as 1.33')
      .default('1.33'),
    /** Who may reach the API server from outside of the network; none: only from inside. */
    publicCidrs: z.array(cidr).max(40).default([]),
    /** Who administers it, by their roles. */
    adminRoles: z.array(roleArn).min(1).max(20),
    logDays: z.union([z.literal(30), z.literal(90), z.literal(365)]).default(90),
  }),
  nodes: z.strictObject({
    system: systemNodes.prefault({ min: 3, max: 6 }),
    /** For `data.kind: 'k8ssandra'`. */
    data: dataNodes.optional(),
    workers: z
      .array(workerNodes)
      .max(50)
      .refine(
        (groups) => new Set(groups.map((group) => group.class)).size === groups.length,
        'two groups of one class',
      ),
  }),
  /** Where images lie. */
  repository: z
    .string()
    .regex(/^[a-z0-9]+([._/-][a-z0-9]+)*$/, 'the name of a repository')
    .default('troupe'),
});

export type AwsConfig = z.infer<typeof awsSchema>;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What `aws` must agree on with the rest of the environment. */
interface Around {
  readonly aws?: AwsConfig | undefined;
  readonly data: DataConfig;
  readonly workers: readonly WorkerClassConfig[];
}

export function awsProblems({ aws, data, workers }: Around): readonly Problem[] {
  if (aws === undefined) return [];
  return [
    ...dataProblems(aws, data),
    ...aws.nodes.workers.flatMap((group, at) => groupProblems(group.class, at, workers)),
  ];
}

function dataProblems({ nodes, region }: AwsConfig, data: DataConfig): readonly Problem[] {
  const problems: Problem[] = [];
  const path = ['aws', 'nodes', 'data'];
  if (data.kind === 'external') {
    return nodes.data === undefined
      ? []
      : [{ path, message: 'there is no Cassandra of this environment to run on it' }];
  }
  if (nodes.data === undefined) problems.push({ path, message: 'the Cassandra of this environment needs machines' });
  else if (nodes.data.nodes < data.nodes) {
    problems.push({
      path: [...path, 'nodes'],
      message: `is at least data.nodes (${data.nodes}): one machine for each`,
    });
  }
  if (data.backup !== undefined && data.backup.region !== region) {
    problems.push({
      path: ['data', 'backup', 'region'],
      message: `is aws.region (${region}), where the bucket is made`,
    });
  }
  return problems;
}

/** A taint that nobody tolerates makes machines that nothing runs on. */
function groupProblems(name: string, at: number, workers: readonly WorkerClassConfig[]): readonly Problem[] {
  const index = workers.findIndex((one) => one.name === name);
  const found = workers[index];
  if (found === undefined)
    return [{ path: ['aws', 'nodes', 'workers', at, 'class'], message: `there is no class ${name}` }];
  const problems: Problem[] = [];
  if (found.nodeSelector[workerTaint] !== name) {
    problems.push({
      path: ['workers', index, 'nodeSelector'],
      message: `has '${workerTaint}': '${name}', the label of its machines`,
    });
  }
  const isTolerated = found.tolerations.some(
    ({ key, operator, value, effect }) =>
      key === workerTaint &&
      (operator === 'Exists' || value === name) &&
      (effect === undefined || effect === 'NoSchedule'),
  );
  if (!isTolerated) {
    problems.push({
      path: ['workers', index, 'tolerations'],
      message: `tolerates ${workerTaint}=${name}:NoSchedule, the taint of its machines`,
    });
  }
  return problems;
}
