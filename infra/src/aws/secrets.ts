/**
 * Secrets Manager: the entries that the environment's ExternalSecrets read, without values. Whoever holds a value puts it
 * in (infra/README.md says how); terraform never sees one, so neither do its plans and its state.
 */
import type { TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { cassandraSecrets, natsSecrets, nodeSecrets } from '../objects/secrets.ts';
import { AwsResource } from './aws-resource.ts';

const recoveryDays = 30;

interface RemoteData {
  readonly data: readonly { readonly remoteRef: { readonly key: string; readonly property: string } }[];
}

/** What the ExternalSecrets ask for: entries by their full names, and the keys of the JSON in each. */
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
