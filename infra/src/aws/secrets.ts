/**
 * Creates the entries of Secrets Manager that the environment's ExternalSecrets read, without values. An operator sets
 * the values (infra/README.md). Terraform never sees a value, so none is in its plans or its state.
 */
import type { TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { cassandraSecrets, natsSecrets, nodeSecrets } from '../objects/secrets.ts';
import { AwsResource } from './aws-resource.ts';

const recoveryDays = 30;

interface RemoteData {
  readonly data: readonly { readonly remoteRef: { readonly key: string; readonly property: string } }[];
}

/** What the ExternalSecrets read: the full name of each entry, and the keys of its JSON. */
export function vaultEntries(environment: KubernetesEnvironment): ReadonlyMap<string, ReadonlySet<string>> {
  const wanted = [...nodeSecrets(environment), ...natsSecrets(environment), ...cassandraSecrets(environment)];
  const entries = new Map<string, Set<string>>();
  for (const { remoteRef } of wanted.flatMap(({ spec }) => (spec as RemoteData).data)) {
    const keys = entries.get(remoteRef.key) ?? new Set();
    entries.set(remoteRef.key, keys.add(remoteRef.property));
  }
  return entries;
}

export function addSecrets(
  stack: TerraformStack,
  environment: KubernetesEnvironment,
  key: AwsResource,
): readonly AwsResource[] {
  return [...vaultEntries(environment)].map(
    ([name, keys]) =>
      new AwsResource(
        stack,
        `aws_secretsmanager_secret.secret-${name.split('/').at(-1) ?? name}`,
        {
          name,
          description: `JSON with ${[...keys].join(', ')}`,
          kms_key_id: key.arn,
          recovery_window_in_days: recoveryDays,
          tags: { Name: name },
        },
        { preventDestroy: true },
      ),
  );
}
