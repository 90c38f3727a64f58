/** What runs on a cluster, as kubectl tells it: deployments and pods of the namespace of Troupe. */
import type { Kubectl } from './kubectl.ts';

export const namespace = 'troupe';

interface Listed<T> {
  readonly items: readonly T[];
}

export interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status: {
    readonly replicas?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
  };
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export async function list<T>(kubectl: Kubectl, kind: string, selector = ''): Promise<readonly T[]> {
  const text = await kubectl(['get', kind, '-n', namespace, '-l', selector, '-o', 'json']);
  return (JSON.parse(text) as Listed<T>).items;
}

export function workloads(kubectl: Kubectl): Promise<readonly Workload[]> {
  return list<Workload>(kubectl, 'deployments,statefulsets');
}

/** Those that are not on their way out. */
export async function podsOf(kubectl: Kubectl, { spec }: Workload): Promise<readonly Pod[]> {
  const selector = Object.entries(spec.selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  const pods = await list<Pod>(kubectl, 'pods', selector.join(','));
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ?? false;
}

/** Of a node that addNodes made: `zone-a-1` lies in `zone-a`. */
export function zoneOf({ spec }: Pod): string {
  return (spec.nodeName ?? 'nowhere').replace(/-\d+$/, '');
}
