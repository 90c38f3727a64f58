/**
 * What every workload has in addition to its pods: a service account without permissions, a disruption budget and a
 * priority.
 */
import type { PodDisruptionBudgetSpec } from 'kubernetes-types/policy/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { clusterMetadata, type Component, type KubernetesObject, type Labels, metadata } from './kubernetes-object.ts';

/** A service account without permissions, whose pods get no token. */
export function serviceAccount(
  environment: KubernetesEnvironment,
  component: Component,
  name: string,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { ...metadata(environment, component, name), ...annotated(roleOf(environment, component)) },
    automountServiceAccountToken: false,
  };
}

/** The role with which gateways and workers use their KMS key. The webhook of EKS gives its pods a token of its own for it. */
function roleOf({ encryption }: KubernetesEnvironment, component: Component): string | undefined {
  if (encryption?.keys !== 'aws-kms') return undefined;
  return component === 'gateway' || component === 'workers' ? encryption.roleArn : undefined;
}

function annotated(role: string | undefined): Pick<KubernetesObject['metadata'], 'annotations'> {
  return role === undefined ? {} : { annotations: { 'eks.amazonaws.com/role-arn': role } };
}

/**
 * A disruption budget that always permits at least one eviction, and evictions of pods that are not ready. So it never
 * blocks the draining of a machine.
 */
export function disruptionBudget(
  environment: KubernetesEnvironment,
  component: Component,
  {
    name,
    selector,
    maxUnavailable,
  }: { readonly name: string; readonly selector: Labels; readonly maxUnavailable: 1 | '25%' },
): KubernetesObject {
  const spec: PodDisruptionBudgetSpec = {
    maxUnavailable,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
    selector: { matchLabels: { ...selector } },
  };
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(environment, component, name),
    spec,
  };
}

type Priority = 'shards' | 'gateway' | 'workers';

/**
 * Priorities. Without shards no job is decided, and without gateways none is submitted. Workers yield to both and never
 * preempt other pods.
 */
const priorities = {
  shards: { value: 1_000_000, preemptionPolicy: 'PreemptLowerPriority' },
  gateway: { value: 900_000, preemptionPolicy: 'PreemptLowerPriority' },
  workers: { value: 100_000, preemptionPolicy: 'Never' },
} as const satisfies Record<Priority, object>;

/** The name contains the environment's namespace, because priority classes are cluster-wide. */
export function priorityClassName({ namespace }: KubernetesEnvironment, of: Priority): string {
  return `${namespace}-${of}`;
}

export function priorityClasses(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return (['shards', 'gateway', 'workers'] as const).map((of) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: clusterMetadata(environment, of, priorityClassName(environment, of)),
    globalDefault: false,
    ...priorities[of],
  }));
}
