/**
 * The EKS control plane: its log, its role, its administrators, and the add-ons that every pod needs. The API server is
 * reachable from inside the network, and from outside only for the networks in `publicCidrs`.
 */
import type { TerraformStack } from '../cdk.ts';
import type { AwsConfig } from '../config/aws.ts';
import { AwsResource } from './aws-resource.ts';
import { trustedService } from './policy.ts';

const logTypes = ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'];
const administrator = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy';

export interface ClusterParts {
  readonly name: string;
  readonly subnetIds: readonly string[];
  readonly key: AwsResource;
}

export function addCluster(stack: TerraformStack, aws: AwsConfig, { name, subnetIds, key }: ClusterParts): AwsResource {
  const { version, publicCidrs, adminRoles, logDays } = aws.cluster;
  const log = new AwsResource(stack, 'aws_cloudwatch_log_group.cluster-log', {
    // EKS requires this name.
    name: `/aws/eks/${name}/cluster`,
    retention_in_days: logDays,
    tags: { Name: name },
  });
  const role = addServiceRole(stack, 'cluster', { name: `${name}-cluster`, service: 'eks.amazonaws.com' }, [
    'AmazonEKSClusterPolicy',
  ]);
  const isPublic = publicCidrs.length > 0;
  const cluster = new AwsResource(
    stack,
    'aws_eks_cluster.cluster',
    {
      name,
      version,
      role_arn: role.role.arn,
      enabled_cluster_log_types: logTypes,
      deletion_protection: true,
      // All add-ons are resources of this stack.
      bootstrap_self_managed_addons: false,
      access_config: [{ authentication_mode: 'API', bootstrap_cluster_creator_admin_permissions: false }],
      vpc_config: [
        {
          subnet_ids: subnetIds,
          endpoint_private_access: true,
          endpoint_public_access: isPublic,
          ...(isPublic && { public_access_cidrs: publicCidrs }),
        },
      ],
      encryption_config: [{ provider: [{ key_arn: key.arn }], resources: ['secrets'] }],
      upgrade_policy: [{ support_type: 'STANDARD' }],
      tags: { Name: name },
    },
    { dependsOn: [log, ...role.attachments] },
  );
  for (const [at, principal] of adminRoles.entries()) addAdministrator(stack, cluster, principal, at);
  return cluster;
}

function addAdministrator(stack: TerraformStack, cluster: AwsResource, principal: string, at: number): void {
  const who = { cluster_name: cluster.attribute('name'), principal_arn: principal };
  const entry = new AwsResource(stack, `aws_eks_access_entry.admin-${at}`, who);
  const policy = { ...who, policy_arn: administrator, access_scope: [{ type: 'cluster' }] };
  new AwsResource(stack, `aws_eks_access_policy_association.admin-${at}-policy`, policy, { dependsOn: [entry] });
}

export function addAddon(
  stack: TerraformStack,
  cluster: AwsResource,
  addon: string,
  {
    more = {},
    dependsOn = [],
  }: { readonly more?: Readonly<Record<string, unknown>>; readonly dependsOn?: readonly AwsResource[] } = {},
): AwsResource {
  return new AwsResource(
    stack,
    `aws_eks_addon.addon-${addon}`,
    {
      cluster_name: cluster.attribute('name'),
      addon_name: addon,
      resolve_conflicts_on_create: 'OVERWRITE',
      resolve_conflicts_on_update: 'PRESERVE',
      ...more,
    },
    { dependsOn },
  );
}

/** The add-ons that machines need before they join: addresses for pods, routes to services, and roles for pods. */
export function addNodeAddons(stack: TerraformStack, cluster: AwsResource): readonly AwsResource[] {
  // Without this setting, network policies are accepted and have no effect.
  const enforced = { configuration_values: JSON.stringify({ enableNetworkPolicy: 'true' }) };
  return [
    addAddon(stack, cluster, 'vpc-cni', { more: enforced }),
    addAddon(stack, cluster, 'kube-proxy'),
    addAddon(stack, cluster, 'eks-pod-identity-agent'),
  ];
}

/** A role for a service of AWS, with policies that AWS maintains. */
export function addServiceRole(
  stack: TerraformStack,
  id: string,
  { name, service }: { readonly name: string; readonly service: Parameters<typeof trustedService>[0] },
  policies: readonly string[],
): { readonly role: AwsResource; readonly attachments: readonly AwsResource[] } {
  const role = new AwsResource(stack, `aws_iam_role.${id}-role`, {
    name,
    assume_role_policy: trustedService(service),
    tags: { Name: name },
  });
  const attachments = policies.map(
    (policy) =>
      new AwsResource(stack, `aws_iam_role_policy_attachment.${id}-${policy.toLowerCase()}`, {
        role: role.attribute('name'),
        policy_arn: `arn:aws:iam::aws:policy/${policy}`,
      }),
  );
  return { role, attachments };
}
