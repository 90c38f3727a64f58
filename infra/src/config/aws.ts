/**
 * Configuration of the AWS account under a Kubernetes environment: network, cluster, machines, and where data and
 * secrets are.
 */
import { z } from 'zod';
import type { DataConfig } from './data.ts';
import { dnsLabel, gibibytes, roleArn } from './primitives.ts';
import type { WorkerClassConfig } from './workloads.ts';

const instanceTypes = z
  .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'an instance type such as m7i.large'))
  .min(1)
  .max(20);
const subnetId = z.string().regex(/^subnet-[0-9a-f]{8,17}$/, 'a subnet id');
const zone = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'an availability zone such as eu-central-1a');
const cidr = z.cidrv4();

/** The taint and label of a worker class's machines. Its pods select and tolerate it. */
export const workerTaint = 'troupe.dev/worker-class';

const network = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('new'),
    /** A /16 block. Each zone gets a /20 of it for machines and pods and a /24 for its public subnet. */
    cidr: z
      .string()
      .regex(/^\d{1,3}\.\d{1,3}\.0\.0\/16$/, 'a block such as 10.40.0.0/16')
      .default('10.40.0.0/16'),
    zones: z
      .array(zone)
      .length(3, 'names three zones, because NATS and Cassandra need a majority when one is lost')
      .refine((zones) => new Set(zones).size === zones.length, 'names a zone twice'),
    /** `one` is cheaper, but if its zone fails, the other zones lose their connection to the internet, too. */
    natGateways: z.enum(['each-zone', 'one']).default('each-zone'),
  }),
  z.strictObject({
    kind: z.literal('existing'),
    /** Private subnets with a route to the internet, in three zones. */
    subnetIds: z.array(subnetId).length(3, 'names three subnets, one for each zone'),
  }),
]);

const size = { min: z.int().min(0).max(1_000), max: z.int().min(1).max(1_000) };
const isInOrder = ({ min, max }: { readonly min: number; readonly max: number }): boolean => min <= max;
const order = { message: 'is at most `max`', path: ['min'] };

const systemNodes = z
  .strictObject({ instanceTypes: instanceTypes.default(['m7i.xlarge']), ...size, diskGb: gibibytes.default(50) })
  .refine(isInOrder, order);

/** The number is fixed, because moving a Cassandra node is a manual task. */
const dataNodes = z.strictObject({
  instanceTypes: instanceTypes.default(['r7i.xlarge']),
  nodes: z.int().min(3).max(300).multipleOf(3).default(3),
  diskGb: gibibytes.default(50),
});

const workerNodes = z
  .strictObject({
    /** The name of a class in `workers`. Its pods must tolerate the taint of these machines. */
    class: dnsLabel,
    instanceTypes: instanceTypes.default(['c7i.2xlarge']),
    /**
     * Use spot machines, which AWS may take back at any time. An attempt that is lost with its machine does not count
     * as a failure.
     */
    spot: z.boolean().default(false),
    ...size,
    diskGb: gibibytes.default(50),
  })
  .refine(isInOrder, order);

export const awsSchema = z.strictObject({
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-central-1'),
  /** The provider refuses any other account before it changes anything. */
  accountId: z.string().regex(/^\d{12}$/, 'twelve digits'),
  network,
  cluster: z.strictObject({
    version: z
      .string()
      .regex(/^1\.\d{2}$/, 'a Kubernetes version such as 1.33')
      .default('1.33'),
    /** Networks outside that may reach the API server. If empty, it is reachable from inside only. */
    publicCidrs: z.array(cidr).max(40).default([]),
    /** Roles that administer the cluster. */
    adminRoles: z.array(roleArn).min(1).max(20),
    logDays: z.union([z.literal(30), z.literal(90), z.literal(365)]).default(90),
  }),
  nodes: z.strictObject({
    system: systemNodes.prefault({ min: 3, max: 6 }),
    /** Machines for Cassandra, with `data.kind: 'k8ssandra'`. */
    data: dataNodes.optional(),
    workers: z
      .array(workerNodes)
      .max(50)
      .refine(
        (groups) => new Set(groups.map((group) => group.class)).size === groups.length,
        'two groups of one class',
      ),
  }),
  /** Name of the image repository. */
  repository: z
    .string()
    .regex(/^[a-z0-9]+([._/-][a-z0-9]+)*$/, 'a repository name')
    .default('troupe'),
});

export type AwsConfig = z.infer<typeof awsSchema>;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The parts of the environment that must be consistent with `aws`. */
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
      : [{ path, message: 'there is no Cassandra in this environment that could use these machines' }];
  }
  if (nodes.data === undefined) problems.push({ path, message: 'the Cassandra of this environment needs machines' });
  else if (nodes.data.nodes < data.nodes) {
    problems.push({
      path: [...path, 'nodes'],
      message: `is at least data.nodes (${data.nodes}), because each node needs a machine`,
    });
  }
  if (data.backup !== undefined && data.backup.region !== region) {
    problems.push({
      path: ['data', 'backup', 'region'],
      message: `is aws.region (${region}), where the bucket is created`,
    });
  }
  return problems;
}

/**
 * Checks that the pods of the class tolerate the taint of their machines. Otherwise nothing would run on these
 * machines.
 */
function groupProblems(name: string, at: number, workers: readonly WorkerClassConfig[]): readonly Problem[] {
  const index = workers.findIndex((one) => one.name === name);
  const found = workers[index];
  if (found === undefined)
    return [{ path: ['aws', 'nodes', 'workers', at, 'class'], message: `there is no class ${name}` }];
  const problems: Problem[] = [];
  if (found.nodeSelector[workerTaint] !== name) {
    problems.push({
      path: ['workers', index, 'nodeSelector'],
      message: `contains '${workerTaint}': '${name}', the label of its machines`,
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
