/**
 * Permissions of pods in AWS, by EKS Pod Identity. Each service account has its own role with only the permissions it
 * needs. Troupe's own pods have one if large payloads lie in a bucket, and none otherwise.
 */
import type { TerraformStack } from '../cdk.ts';
import { AwsResource } from './aws-resource.ts';
import { policyDocument, type Statement, trustedPods } from './policy.ts';

/** What it takes to write, read and delete objects, in parts where they are large. */
const keepObjects = [
  's3:GetObject',
  's3:PutObject',
  's3:DeleteObject',
  's3:AbortMultipartUpload',
  's3:ListMultipartUploadParts',
] as const;

export interface PodRole {
  readonly id: string;
  readonly name: string;
  readonly statements: readonly Statement[];
}

export function addPodRole(stack: TerraformStack, { id, name, statements }: PodRole): AwsResource {
  const role = new AwsResource(stack, `aws_iam_role.${id}-role`, {
    name,
    assume_role_policy: trustedPods(),
    tags: { Name: name },
  });
  if (statements.length > 0) {
    const policy = { name, role: role.attribute('name'), policy: policyDocument(statements) };
    new AwsResource(stack, `aws_iam_role_policy.${id}-policy`, policy);
  }
  return role;
}

export function associate(
  stack: TerraformStack,
  id: string,
  {
    cluster,
    namespace,
    serviceAccount,
    role,
  }: {
    readonly cluster: AwsResource;
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly role: AwsResource;
  },
): void {
  new AwsResource(stack, `aws_eks_pod_identity_association.${id}-association`, {
    cluster_name: cluster.attribute('name'),
    namespace,
    service_account: serviceAccount,
    role_arn: role.arn,
    tags: { Name: id },
  });
}

/** Permissions of external-secrets: it reads the secrets of the environment and no others. */
export function readSecrets(secretArns: readonly string[], keyArn: string): readonly Statement[] {
  return [
    {
      Sid: 'ReadSecrets',
      Effect: 'Allow',
      Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
      Resource: secretArns,
    },
    { Sid: 'Decrypt', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [keyArn] },
  ];
}

/**
 * Permissions of Medusa on its bucket. It cannot delete older versions of an object, so it cannot destroy former
 * backups.
 */
export function writeBackups(bucketArn: string, keyArn: string): readonly Statement[] {
  return [
    {
      Sid: 'ListBackups',
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:GetBucketLocation', 's3:ListBucketMultipartUploads'],
      Resource: [bucketArn],
    },
    {
      Sid: 'WriteBackups',
      Effect: 'Allow',
      Action: keepObjects,
      Resource: [`${bucketArn}/*`],
    },
    { Sid: 'Encrypt', Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: [keyArn] },
  ];
}

/** Permissions of Troupe's own pods on the bucket of large payloads. Its encryption is that of the bucket. */
export function keepPayloads(bucket: string, prefix: string): readonly Statement[] {
  return [
    {
      Sid: 'ListPayloads',
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
      Resource: [`arn:aws:s3:::${bucket}`],
    },
    {
      Sid: 'KeepPayloads',
      Effect: 'Allow',
      Action: keepObjects,
      Resource: [`arn:aws:s3:::${bucket}/${prefix}*`],
    },
  ];
}

/** Permissions of gateways and workers on the keys of payloads: never without the tenant in the context, as Troupe asks. */
export function wrapDataKeys(key: string, formerKeys: readonly string[]): readonly Statement[] {
  const Condition = { Null: { 'kms:EncryptionContext:troupe:tenant': 'false' } };
  return [
    { Sid: 'WrapDataKeys', Effect: 'Allow', Action: ['kms:Encrypt'], Resource: [key], Condition },
    { Sid: 'UnwrapDataKeys', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [key, ...formerKeys], Condition },
  ];
}

/**
 * Permissions of the cluster autoscaler. It reads all groups, because AWS offers no narrower permission, and changes
 * those of this cluster only.
 */
export function scaleNodes(clusterName: string): readonly Statement[] {
  return [
    {
      Sid: 'Look',
      Effect: 'Allow',
      Action: [
        'autoscaling:DescribeAutoScalingGroups',
        'autoscaling:DescribeAutoScalingInstances',
        'autoscaling:DescribeLaunchConfigurations',
        'autoscaling:DescribeScalingActivities',
        'autoscaling:DescribeTags',
        'ec2:DescribeImages',
        'ec2:DescribeInstanceTypes',
        'ec2:DescribeLaunchTemplateVersions',
        'ec2:GetInstanceTypesFromInstanceRequirements',
        'eks:DescribeNodegroup',
      ],
      Resource: ['*'],
    },
    {
      Sid: 'Scale',
      Effect: 'Allow',
      Action: ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'],
      Resource: ['*'],
      Condition: { StringEquals: { [`aws:ResourceTag/k8s.io/cluster-autoscaler/${clusterName}`]: 'owned' } },
    },
  ];
}
