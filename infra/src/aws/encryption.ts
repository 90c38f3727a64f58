/**
 * The KMS key of an environment. It encrypts the Secrets of Kubernetes, the backups, the images and the entries of
 * Secrets Manager.
 */
import type { TerraformStack } from '../cdk.ts';
import { AwsResource } from './aws-resource.ts';

export function addKey(stack: TerraformStack, name: string): AwsResource {
  const key = new AwsResource(
    stack,
    'aws_kms_key.key',
    {
      description: `everything that ${name} keeps`,
      enable_key_rotation: true,
      deletion_window_in_days: 30,
      tags: { Name: name },
    },
    { preventDestroy: true },
  );
  new AwsResource(stack, 'aws_kms_alias.key-alias', {
    name: `alias/${name}`,
    target_key_id: key.attribute('key_id'),
  });
  return key;
}
