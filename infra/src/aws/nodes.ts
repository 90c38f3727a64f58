/**
 * Machines: one group for the system, one for Cassandra, and one per worker class, with a taint that keeps other pods
 * away. Disks are encrypted. Pods cannot use the machine's own role, because the hop limit of the metadata service is
 * 1.
 */
import type { TerraformStack } from '../cdk.ts';
import { type AwsConfig, workerTaint } from '../config/aws.ts';
import { AwsResource, type Tags } from './aws-resource.ts';
import { addServiceRole } from './cluster.ts';

/** The label of a node group: `system`, `data` or `workers`. Pods select machines by it. */
const nodeGroupLabel = 'troupe.dev/node-group';

interface Group {
  readonly name: string;
  readonly instanceTypes: readonly string[];
  readonly min: number;
  readonly max: number;
  readonly diskGb: number;
  readonly spot?: boolean;
  readonly labels: Tags;
  readonly taint?: {
    readonly key: string;
    readonly value: string;
    readonly effect: 'NO_SCHEDULE' | 'PREFER_NO_SCHEDULE';
  };
}

export interface NodeParts {
  readonly name: string;
  readonly cluster: AwsResource;
  readonly subnetIds: readonly string[];
  readonly addons: readonly AwsResource[];
  readonly tags: Tags;
}

/** Returns the node groups, the system group first. */
export function addNodes(stack: TerraformStack, aws: AwsConfig, parts: NodeParts): readonly AwsResource[] {
  const { role, attachments } = addServiceRole(
    stack,
    'node',
    { name: `${parts.name}-node`, service: 'ec2.amazonaws.com' },
    ['AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryPullOnly', 'AmazonEKS_CNI_Policy'],
  );
  const before = [...parts.addons, ...attachments];
  return groupsOf(aws).map((group) => addGroup(stack, group, { ...parts, role, before }));
}

function groupsOf({ nodes: { system, data, workers } }: AwsConfig): readonly Group[] {
  return [
    { name: 'system', ...system, labels: { [nodeGroupLabel]: 'system' } },
    ...(data === undefined ? [] : [dataGroup(data)]),
    ...workers.map((group) => ({
      ...group,
      name: `workers-${group.class}`,
      labels: { [nodeGroupLabel]: 'workers', [workerTaint]: group.class },
      taint: { key: workerTaint, value: group.class, effect: 'NO_SCHEDULE' } as const,
    })),
  ];
}

/**
 * The taint is only a preference (`PREFER_NO_SCHEDULE`), because the pods of the operator do not tolerate our taints.
 */
function dataGroup({ nodes, ...data }: NonNullable<AwsConfig['nodes']['data']>): Group {
  const taint = { key: nodeGroupLabel, value: 'data', effect: 'PREFER_NO_SCHEDULE' } as const;
  return { name: 'data', ...data, min: nodes, max: nodes, labels: { [nodeGroupLabel]: 'data' }, taint };
}

interface GroupParts extends NodeParts {
  readonly role: AwsResource;
  readonly before: readonly AwsResource[];
}

function addGroup(
  stack: TerraformStack,
  group: Group,
  { name, cluster, subnetIds, tags, role, before }: GroupParts,
): AwsResource {
  const template = addTemplate(stack, group, { name: `${name}-${group.name}`, ...tags });
  return new AwsResource(
    stack,
    `aws_eks_node_group.nodes-${group.name}`,
    {
      cluster_name: cluster.attribute('name'),
      node_group_name: group.name,
      node_role_arn: role.arn,
      subnet_ids: subnetIds,
      instance_types: group.instanceTypes,
      ami_type: 'AL2023_x86_64_STANDARD',
      capacity_type: group.spot === true ? 'SPOT' : 'ON_DEMAND',
      scaling_config: [{ min_size: group.min, max_size: group.max, desired_size: group.min }],
      update_config: [{ max_unavailable_percentage: 33 }],
      launch_template: [{ id: template.id, version: template.attribute('latest_version') }],
      labels: group.labels,
      ...(group.taint && { taint: [group.taint] }),
      tags: { Name: `${name}-${group.name}` },
    },
    // The cluster autoscaler decides the number of machines.
    { dependsOn: before, ignoreChanges: ['scaling_config[0].desired_size'] },
  );
}

function addTemplate(stack: TerraformStack, { name, diskGb }: Group, tags: Tags): AwsResource {
  const { name: fullName = name, ...others } = tags;
  const disk = { volume_size: diskGb, volume_type: 'gp3', encrypted: 'true', delete_on_termination: 'true' };
  return new AwsResource(stack, `aws_launch_template.template-${name}`, {
    name: fullName,
    update_default_version: true,
    block_device_mappings: [{ device_name: '/dev/xvda', ebs: [disk] }],
    metadata_options: [{ http_endpoint: 'enabled', http_tokens: 'required', http_put_response_hop_limit: 1 }],
    // Default tags are not applied to what EKS creates from a launch template.
    tag_specifications: ['instance', 'volume'].map((resource_type) => ({
      resource_type,
      tags: { Name: fullName, ...others },
    })),
    tags: { Name: fullName },
  });
}
