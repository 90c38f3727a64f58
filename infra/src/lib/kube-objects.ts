/**
 * Turns objects into `kubectl_manifest` resources, in the order that Kubernetes needs: a namespace before its content,
 * what pods mount before the pods, workloads before what scales them or routes to them. Destroying uses the reverse
 * order.
 */
import type { TerraformResource, TerraformStack } from '../cdk.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { KubectlManifest } from './kubectl-manifest.ts';

/** Kinds in the order of creation. A kind that is not listed is a custom resource and comes last. */
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

/** The id of an object in a stack: `deployment-troupe-gateway`, with the namespace if it is not that of the stack. */
export function objectId({ kind, metadata: { name, namespace } }: KubernetesObject, home: string): string {
  const text = namespace === undefined || namespace === home ? `${kind}-${name}` : `${kind}-${namespace}-${name}`;
  return text.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');
}

export interface KubeObjectsOptions {
  /** Objects of this namespace have ids without it. */
  readonly namespace: string;
  readonly after?: readonly TerraformResource[];
  readonly preventDestroy?: (object: KubernetesObject) => boolean;
  /** Fields that other controllers may change. A difference in them is not drift. */
  readonly ignoreFields?: (object: KubernetesObject) => readonly string[];
}

/** Adds the objects. Returns the resources in the order of `objects`, so that later resources can depend on them. */
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

/** Sorts objects in the order in which they can be applied. */
export function inOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  return objects.toSorted((a, b) => rankOf(a) - rankOf(b));
}
