/**
 * What a worker needs to report its load to Kubernetes (docs/operating/scaling.md): the name of its pod, and the
 * permission to patch it.
 */
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type KubernetesObject, metadata } from './kubernetes-object.ts';

const component = 'workers';
const name = 'troupe-pod-deletion-cost';
const rbac = 'rbac.authorization.k8s.io';

/** Variables of the container. */
export const ownPod: readonly EnvVar[] = (
  [
    ['TROUPE_KUBERNETES_POD_NAME', 'metadata.name'],
    ['TROUPE_KUBERNETES_POD_NAMESPACE', 'metadata.namespace'],
  ] as const
).map(([variable, fieldPath]) => ({ name: variable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }));

/** Permissions of these service accounts. A Role cannot be limited to the pod that uses it. */
export function deletionCostRights(
  environment: KubernetesEnvironment,
  accounts: readonly string[],
): readonly KubernetesObject[] {
  if (accounts.length === 0) return [];
  const { namespace } = environment;
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: metadata(environment, component, name),
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: metadata(environment, component, name),
      roleRef: { apiGroup: rbac, kind: 'Role', name },
      subjects: accounts.map((account) => ({ kind: 'ServiceAccount', name: account, namespace })),
    },
  ];
}
