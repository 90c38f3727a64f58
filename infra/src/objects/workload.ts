/** What every workload has beside its pods: an account without rights, a budget for disruptions, a priority. */
import type { PodDisruptionBudgetSpec } from 'kubernetes-types/policy/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { clusterMetadata, type Component, type KubernetesObject, type Labels, metadata } from './kubernetes-object.ts';

/** Its pods do not get a token, and nothing is granted to it. */
export function serviceAccount(
  environment: KubernetesEnvironment,
  component: Component,
  name: string,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(environment, component, name),
    automountServiceAccountToken: false,
  };
}

/** Always lets one go at least, and lets those go that do not work: draining a machine never hangs on it. */
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

/** Without shards nobody decides; without gateways nobody submits; workers make room for both and push nobody out. */
const priorities = {
  shards: { value: 1_000_000, preemptionPolicy: 'PreemptLowerPriority' },
  gateway: { value: 900_000, preemptionPolicy: 'PreemptLowerPriority' },
  workers: { value: 100_000, preemptionPolicy: 'Never' },
} as const satisfies Record<Priority, object>;

/** The kind has no namespace, so that of the environment is in the name. */
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
