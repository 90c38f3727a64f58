/** Storage for backups and images. Both are encrypted, keep former versions, and cannot be destroyed by terraform. */
import type { TerraformStack } from '../cdk.ts';
import { AwsResource } from './aws-resource.ts';
import { policyDocument } from './policy.ts';

/** How long overwritten and deleted objects can be restored. */
const formerVersionDays = 30;
const untaggedImageDays = 14;

/** A bucket that is never readable from outside the account, whatever its policy says, and that accepts TLS only. */
export function addBucket(
  stack: TerraformStack,
  id: string,
  { bucket: name, key }: { readonly bucket: string; readonly key: AwsResource },
): AwsResource {
  const made = new AwsResource(
    stack,
    `aws_s3_bucket.${id}`,
    { bucket: name, tags: { Name: name } },
    { preventDestroy: true },
  );
  const bucket = made.id;
  const privacy = new AwsResource(stack, `aws_s3_bucket_public_access_block.${id}-privacy`, {
    bucket,
    block_public_acls: true,
    block_public_policy: true,
    ignore_public_acls: true,
    restrict_public_buckets: true,
  });
  new AwsResource(stack, `aws_s3_bucket_ownership_controls.${id}-ownership`, {
    bucket,
    rule: [{ object_ownership: 'BucketOwnerEnforced' }],
  });
  new AwsResource(stack, `aws_s3_bucket_versioning.${id}-versions`, {
    bucket,
    versioning_configuration: [{ status: 'Enabled' }],
  });
  new AwsResource(stack, `aws_s3_bucket_server_side_encryption_configuration.${id}-encryption`, {
    bucket,
    rule: [
      {
        apply_server_side_encryption_by_default: [{ sse_algorithm: 'aws:kms', kms_master_key_id: key.arn }],
        bucket_key_enabled: true,
      },
    ],
  });
  new AwsResource(stack, `aws_s3_bucket_lifecycle_configuration.${id}-lifecycle`, {
    bucket,
    rule: [
      {
        id: 'former-versions',
        status: 'Enabled',
        filter: [{ prefix: '' }],
        noncurrent_version_expiration: [{ noncurrent_days: formerVersionDays }],
        abort_incomplete_multipart_upload: [{ days_after_initiation: 7 }],
      },
    ],
  });
  new AwsResource(
    stack,
    `aws_s3_bucket_policy.${id}-policy`,
    { bucket, policy: onlyTls(made.arn) },
    { dependsOn: [privacy] },
  );
  return made;
}

/** A bucket policy that denies requests without TLS. */
function onlyTls(arn: string): string {
  const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
  return policyDocument([
    { Sid: 'OnlyTls', Effect: 'Deny', Principal: '*', Action: ['s3:*'], Resource: [arn, `${arn}/*`], Condition },
  ]);
}

/** An image repository. A tag, once pushed, never refers to another image. Each image is scanned when it is pushed. */
export function addRepository(stack: TerraformStack, name: string, key: AwsResource): AwsResource {
  const repository = new AwsResource(
    stack,
    'aws_ecr_repository.images',
    {
      name,
      image_tag_mutability: 'IMMUTABLE',
      image_scanning_configuration: [{ scan_on_push: true }],
      encryption_configuration: [{ encryption_type: 'KMS', kms_key: key.arn }],
      tags: { Name: name },
    },
    { preventDestroy: true },
  );
  const selection = {
    tagStatus: 'untagged',
    countType: 'sinceImagePushed',
    countUnit: 'days',
    countNumber: untaggedImageDays,
  };
  new AwsResource(stack, 'aws_ecr_lifecycle_policy.images-lifecycle', {
    repository: repository.attribute('name'),
    policy: JSON.stringify({
      rules: [{ rulePriority: 1, description: 'without a tag', selection, action: { type: 'expire' } }],
    }),
  });
  return repository;
}
