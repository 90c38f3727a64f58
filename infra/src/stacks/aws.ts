/**
 * The AWS account of an environment, as a separate stack. It is deployed before the Kubernetes stacks and destroyed
 * after them. The other stacks know only what the environment says about it.
 */
import { type App, TerraformOutput, TerraformStack } from '../cdk.ts';
import { AwsProvider, AwsResource } from '../aws/aws-resource.ts';
import { addAddon, addCluster, addNodeAddons } from '../aws/cluster.ts';
import { addKey } from '../aws/encryption.ts';
import { addNetwork } from '../aws/network.ts';
import { addNodes } from '../aws/nodes.ts';
import {
  addPodRole,
  associate,
  keepPayloads,
  readSecrets,
  scaleNodes,
  wrapDataKeys,
  writeBackups,
} from '../aws/pod-roles.ts';
import type { Statement } from '../aws/policy.ts';
import { addSecrets } from '../aws/secrets.ts';
import { addBucket, addRepository } from '../aws/storage.ts';
import type { AwsConfig } from '../config/aws.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { addBackend } from '../lib/backend.ts';
import { nodeAccounts, sealingAccounts } from '../objects/app.ts';

export class AwsStack extends TerraformStack {
  constructor(app: App, environment: KubernetesEnvironment, aws: AwsConfig) {
    const stackName = `aws-${environment.name}`;
    super(app, stackName);
    const name = `troupe-${environment.name}`;
    const tags = { project: 'troupe', environment: environment.name, 'managed-by': 'cdktf' };
    addBackend(this, stackName, environment.state);
    new AwsProvider(this, 'aws', aws, tags);
    const key = addKey(this, name);
    const subnetIds = addNetwork(this, name, aws);
    const cluster = addCluster(this, aws, { name, subnetIds, key });
    const addons = addNodeAddons(this, cluster);
    const nodes = addNodes(this, aws, { name, cluster, subnetIds, addons, tags });
    // The pods of coredns need machines.
    addAddon(this, cluster, 'coredns', { dependsOn: nodes.slice(0, 1) });
    addVolumes(this, { name, cluster, nodes });
    addPodRoles(this, environment, { name, cluster, key });
    const repository = addRepository(this, aws.repository, key);
    new TerraformOutput(this, 'kubeconfig', {
      value: `aws eks update-kubeconfig --region ${aws.region} --name ${cluster.attribute('name')}`,
    });
    new TerraformOutput(this, 'repository', { value: repository.attribute('repository_url') });
  }
}

interface Parts {
  readonly name: string;
  readonly cluster: AwsResource;
}

/**
 * The driver for the volumes of NATS and Cassandra. AWS maintains its policy, which permits only what the driver has
 * tagged.
 */
function addVolumes(
  stack: AwsStack,
  { name, cluster, nodes }: Parts & { readonly nodes: readonly AwsResource[] },
): void {
  const role = addPodRole(stack, { id: 'ebs', name: `${name}-ebs`, statements: [] });
  const policy = new AwsResource(stack, 'aws_iam_role_policy_attachment.ebs-policy', {
    role: role.attribute('name'),
    policy_arn: 'arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy',
  });
  addAddon(stack, cluster, 'aws-ebs-csi-driver', {
    more: { pod_identity_association: [{ role_arn: role.arn, service_account: 'ebs-csi-controller-sa' }] },
    dependsOn: [...nodes.slice(0, 1), policy],
  });
}

/** Roles of the operators that call AWS. The names of the service accounts are those of their charts. */
function addPodRoles(
  stack: AwsStack,
  environment: KubernetesEnvironment,
  { name, cluster, key }: Parts & { readonly key: AwsResource },
): void {
  const scaler = addPodRole(stack, { id: 'autoscaler', name: `${name}-autoscaler`, statements: scaleNodes(name) });
  associate(stack, 'autoscaler', {
    cluster,
    namespace: 'kube-system',
    serviceAccount: 'cluster-autoscaler',
    role: scaler,
  });
  const secrets = addSecrets(stack, environment, key);
  if (secrets.length > 0) {
    const statements = readSecrets(
      secrets.map(({ arn }) => arn),
      key.arn,
    );
    const role = addPodRole(stack, { id: 'external-secrets', name: `${name}-external-secrets`, statements });
    const { externalSecrets } = environment.platform;
    const namespace = externalSecrets === 'present' ? 'external-secrets' : externalSecrets.namespace;
    associate(stack, 'external-secrets', { cluster, namespace, serviceAccount: 'external-secrets', role });
  }
  addNodeRoles(stack, environment, { name, cluster });
  const { data } = environment;
  if (data.kind === 'external' || data.backup === undefined) return;
  const bucket = addBucket(stack, 'backups', { bucket: data.backup.bucket, key });
  // If Medusa has its own credentials, it needs no role.
  if (data.backup.secret !== undefined) return;
  const statements = writeBackups(bucket.arn, key.arn);
  const role = addPodRole(stack, { id: 'medusa', name: `${name}-backups`, statements });
  // The pods of the ring use the default service account.
  associate(stack, 'medusa', { cluster, namespace: data.namespace, serviceAccount: 'default', role });
}

/**
 * One role for all nodes of Troupe: a gateway stores inputs, a worker reads them, and each of them sweeps. A service account has
 * one role, so that of the nodes with keys has both permissions.
 */
function addNodeRoles(
  stack: AwsStack,
  environment: KubernetesEnvironment,
  { name, cluster }: Pick<Parts, 'name' | 'cluster'>,
): void {
  const { objects, encryption, namespace } = environment;
  const payloads = objects?.credentials === 'role' ? keepPayloads(objects.bucket, objects.prefix) : [];
  const keys =
    encryption?.keys === 'aws-kms' && encryption.credentials === 'role'
      ? wrapDataKeys(encryption.key, encryption.formerKeys)
      : [];
  const sealing = new Set(keys.length === 0 ? [] : sealingAccounts(environment));
  const give = (id: string, accounts: readonly string[], statements: readonly Statement[]): void => {
    if (statements.length === 0 || accounts.length === 0) return;
    const role = addPodRole(stack, { id, name: `${name}-${id}`, statements });
    for (const serviceAccount of accounts)
      associate(stack, `${id}-${serviceAccount}`, { cluster, namespace, serviceAccount, role });
  };
  give(
    'payloads',
    nodeAccounts(environment).filter((account) => !sealing.has(account)),
    payloads,
  );
  give('keys', [...sealing], [...payloads, ...keys]);
}
