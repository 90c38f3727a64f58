/**
 * What pods may do in AWS, by EKS Pod Identity: one role for each service account, with nothing in it that this one does
 * not need. Troupe's own pods have none.
 */
import type { TerraformStack } from '../cdk.ts';
import { AwsResource } from './aws-resource.ts';
import { policyDocument, type Statement, trustedPods } from './policy.ts';

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

/** For external-secrets: the secrets below the prefix of the environment, and no others. */
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

/** For Medusa: its bucket. Older versions of an object are beyond its reach, so that it cannot destroy the past. */
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
      Action: [
        's3:GetObject',
        's3:PutObject',
        's3:DeleteObject',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      Resource: [`${bucketArn}/*`],
    },
    { Sid: 'Encrypt', Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: [keyArn] },
  ];
}

/** For the cluster autoscaler: it looks at all groups, since AWS knows no narrower right, and changes those of this cluster. */
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
