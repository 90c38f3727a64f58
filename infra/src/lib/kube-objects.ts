/**
 * Objects -> one `kubectl_manifest` each, in the order in which Kubernetes needs them: a namespace before what is in it,
 * what pods mount before pods, workloads before what scales or routes to them. Destroying goes the other way round.
 */
import type { TerraformResource, TerraformStack } from '../cdk.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { KubectlManifest } from './kubectl-manifest.ts';

/** Kinds by when they come; a kind that is not named here is a custom resource and comes last. */
const order: readonly (readonly string[])[] = [
  ['Namespace'],
  ['CustomResourceDefinition', 'PriorityClass', 'NetworkPolicy', 'LimitRange', 'ResourceQuota'],
  ['ServiceAccount', 'Role', 'ClusterRole', 'ConfigMap', 'Issuer', 'ExternalSecret', 'Certificate'],
  ['RoleBinding', 'ClusterRoleBinding', 'Service', 'PodDisruptionBudget'],
  ['Job'],
  ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout', 'CronJob'],
];

function rankOf({ kind }: KubernetesObject): number {
  const rank = order.findIndex((kinds) => kinds.includes(kind));
  return rank === -1 ? order.length : rank;
}

/** Names an object in a stack: `deployment-troupe-gateway`, with the namespace where it is not that of the stack. */
export function objectId({ kind, metadata: { name, namespace } }: KubernetesObject, home: string): string {
  const text = namespace === undefined || namespace === home ? `${kind}-${name}` : `${kind}-${namespace}-${name}`;
  return text.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');
}

export interface KubeObjectsOptions {
  /** The namespace that ids do not repeat. */
  readonly namespace: string;
  readonly after?: readonly TerraformResource[];
  readonly preventDestroy?: (object: KubernetesObject) => boolean;
  /** Fields that others change by right: a difference there is no drift. */
  readonly ignoreFields?: (object: KubernetesObject) => readonly string[];
}

/** In the order of the objects; what comes later may depend on them. */
export function addKubeObjects(
  stack: TerraformStack,
  objects: readonly KubernetesObject[],
  { namespace, after = [], preventDestroy = () => false, ignoreFields = () => [] }: KubeObjectsOptions,
): readonly KubectlManifest[] {
  const added = new Map<KubernetesObject, KubectlManifest>();
  let before: readonly TerraformResource[] = after;
  for (let rank = 0; rank <= order.length; rank += 1) {
    const now = objects
      .filter((object) => rankOf(object) === rank)
      .map((object) => {
        const options = {
          dependsOn: before,
          preventDestroy: preventDestroy(object),
          ignoreFields: ignoreFields(object),
        };
        const manifest = new KubectlManifest(stack, objectId(object, namespace), object, options);
        added.set(object, manifest);
        return manifest;
      });
    if (now.length > 0) before = now;
  }
  return objects.flatMap((object) => added.get(object) ?? []);
}

/** The same order, for whoever prints the objects. */
export function inOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  return objects.toSorted((a, b) => rankOf(a) - rankOf(b));
}
