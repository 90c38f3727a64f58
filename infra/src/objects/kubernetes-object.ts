/** An object of Kubernetes as plain data, the labels that all of Troupe's objects have, and the selectors made of them. */
import type { KubernetesEnvironment } from '../config/environment.ts';

export type Labels = Readonly<Record<string, string>>;

export interface ObjectMetadata {
  readonly name: string;
  /** Absent only where the kind has none. */
  readonly namespace?: string;
  readonly labels: Labels;
  readonly annotations?: Labels;
}

/** `spec` and the like are checked by the types of `kubernetes-types` where they are written, and by the API server. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly spec?: unknown;
  /** ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  /** PriorityClass. */
  readonly value?: number;
  readonly description?: string;
  readonly globalDefault?: boolean;
  readonly preemptionPolicy?: string;
  /** ServiceAccount. */
  readonly automountServiceAccountToken?: boolean;
  /** Role. */
  readonly rules?: readonly object[];
  /** RoleBinding. */
  readonly roleRef?: object;
  readonly subjects?: readonly object[];
}

/** What an object belongs to. Ends its `app.kubernetes.io/component`. */
export type Component =
  | 'platform'
  | 'gateway'
  | 'shards'
  | 'workers'
  | 'migrate'
  | 'configuration'
  | 'nats'
  | 'cassandra'
  | 'secrets'
  | 'certificates'
  | 'observability';

/** The class of a worker pod; KEDA, the policies and the dashboards find it by this label. */
export const workerClassLabel = 'troupe.dev/worker-class';
/** Which of two Deployments of one class a worker pod is of (`blue-green`). */
export const trackLabel = 'troupe.dev/track';

/** What a selector asks for: it never changes in the life of a workload, so neither version nor manager is in it. */
export function selectorLabels(environment: KubernetesEnvironment, component: Component): Labels {
  return {
    'app.kubernetes.io/name': 'troupe',
    'app.kubernetes.io/instance': environment.name,
    'app.kubernetes.io/component': component,
  };
}

/** The labels of every object. */
export function standardLabels(environment: KubernetesEnvironment, component: Component): Labels {
  return {
    ...selectorLabels(environment, component),
    'app.kubernetes.io/part-of': 'troupe',
    'app.kubernetes.io/managed-by': 'cdktf',
  };
}

/** The metadata of an object in the namespace of the environment, or in `namespace`. */
export function metadata(
  environment: KubernetesEnvironment,
  component: Component,
  name: string,
  more: { readonly namespace?: string; readonly labels?: Labels; readonly annotations?: Labels } = {},
): ObjectMetadata & { readonly namespace: string } {
  return {
    name,
    namespace: more.namespace ?? environment.namespace,
    labels: { ...more.labels, ...standardLabels(environment, component) },
    ...(more.annotations !== undefined && { annotations: more.annotations }),
  };
}

/** The metadata of an object of a kind that has no namespace. */
export function clusterMetadata(
  environment: KubernetesEnvironment,
  component: Component,
  name: string,
): ObjectMetadata {
  return { name, labels: standardLabels(environment, component) };
}
