/** Objects as the tests look at them: by kind, with the types of Kubernetes, and the pods that come of them. */
import type { DeploymentSpec } from 'kubernetes-types/apps/v1.d.ts';
import type { JobSpec } from 'kubernetes-types/batch/v1.d.ts';
import type { Container, PodSpec, PodTemplateSpec, ServiceSpec } from 'kubernetes-types/core/v1.d.ts';
import type { LabelSelector } from 'kubernetes-types/meta/v1.d.ts';
import type { NetworkPolicySpec } from 'kubernetes-types/networking/v1.d.ts';
import type { PodDisruptionBudgetSpec } from 'kubernetes-types/policy/v1.d.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';

/** What the objects of a kind say. The types are checked where the objects are made. */
interface Specs {
  readonly Deployment: DeploymentSpec;
  readonly Rollout: DeploymentSpec & { readonly strategy: { readonly canary: Record<string, unknown> } };
  readonly Job: JobSpec;
  readonly Service: ServiceSpec;
  readonly PodDisruptionBudget: PodDisruptionBudgetSpec;
  readonly NetworkPolicy: NetworkPolicySpec;
  readonly HorizontalPodAutoscaler: ScalerSpec;
  readonly ScaledObject: ScalerSpec;
}

interface ScalerSpec {
  readonly scaleTargetRef: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly [field: string]: unknown;
}

export interface Of<Kind extends keyof Specs> extends KubernetesObject {
  readonly spec: Specs[Kind];
}

export function ofKind<Kind extends keyof Specs>(
  objects: readonly KubernetesObject[],
  kind: Kind,
): readonly Of<Kind>[] {
  return objects.filter((object): object is Of<Kind> => object.kind === kind);
}

export function theOnly<T>(values: readonly T[]): T {
  const [first] = values;
  if (first === undefined || values.length !== 1) throw new Error(`expected one, got ${values.length}`);
  return first;
}

export interface Pods {
  readonly owner: KubernetesObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  readonly container: Container;
}

function podsOf(owner: KubernetesObject, { metadata, spec }: PodTemplateSpec): Pods {
  if (spec === undefined) throw new Error(`${owner.metadata.name} has no pod`);
  return { owner, labels: metadata?.labels ?? {}, spec, container: theOnly(spec.containers) };
}

/** One for each workload. */
export function allPods(objects: readonly KubernetesObject[]): readonly Pods[] {
  const workloads = [...ofKind(objects, 'Deployment'), ...ofKind(objects, 'Rollout'), ...ofKind(objects, 'Job')];
  return workloads.map((owner) => podsOf(owner, owner.spec.template));
}

/** Only equality is used; anything else would be passed over here. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  if (selector.matchExpressions !== undefined) throw new Error('expressions are not looked at');
  return Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

export function selected(selector: LabelSelector, pods: readonly Pods[]): readonly string[] {
  return pods.filter(({ labels }) => selects(selector, labels)).map(({ owner }) => owner.metadata.name);
}

export function variable({ container }: Pods, name: string): unknown {
  return container.env?.find((entry) => entry.name === name)?.valueFrom;
}
