/** All objects of the app stack. Namespaces belong to the platform stack. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { gatewayObjects } from './gateway.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { migrateObjects } from './migrate.ts';
import { networkObjects } from './network.ts';
import { shardsObjects } from './shards.ts';
import { workersObjects } from './workers.ts';
import { priorityClasses } from './workload.ts';

export function appObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return [
    ...priorityClasses(environment),
    ...networkObjects(environment),
    ...migrateObjects(environment),
    ...shardsObjects(environment),
    ...gatewayObjects(environment),
    ...workersObjects(environment),
  ];
}

/** The service accounts of the nodes: gateways, shard nodes and the workers of each class and track. */
export function nodeAccounts(environment: KubernetesEnvironment): readonly string[] {
  return accountsOf([...shardsObjects(environment), ...gatewayObjects(environment), ...workersObjects(environment)]);
}

/** Those of the nodes that seal payloads and open them. */
export function sealingAccounts(environment: KubernetesEnvironment): readonly string[] {
  return accountsOf([...gatewayObjects(environment), ...workersObjects(environment)]);
}

function accountsOf(objects: readonly KubernetesObject[]): readonly string[] {
  return objects.flatMap(({ kind, metadata: { name } }) => (kind === 'ServiceAccount' ? [name] : []));
}
