/** A Kubernetes object as plain data, the labels of all Troupe objects, and the selectors made from them. */
import type { KubernetesEnvironment } from '../config/environment.ts';

export type Labels = Readonly<Record<string, string>>;

export interface ObjectMetadata {
  readonly name: string;
  /** Absent only for kinds without a namespace. */
  readonly namespace?: string;
  readonly labels: Labels;
  readonly annotations?: Labels;
}

/**
 * The types of `kubernetes-types` check `spec` and similar fields where they are written. The API server checks them,
 * too.
 */
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

/** The component that an object belongs to: its label `app.kubernetes.io/component`. */
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

/** Label with the class of a worker pod. KEDA, the policies and the dashboards use it. */
export const workerClassLabel = 'troupe.dev/worker-class';
/** Label with the track of a worker pod (`blue-green`). */
export const trackLabel = 'troupe.dev/track';

/**
 * Labels for selectors. A selector cannot change during the life of a workload, so version and manager are not
 * included.
 */
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
