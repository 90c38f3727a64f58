/** The environment that the tests deploy: everything the app can have, on the control plane of a test. */
import type { EnvironmentInput } from '../../src/config/environment.ts';

type KubernetesInput = Extract<EnvironmentInput, { kind: 'kubernetes' }>;
type WorkerClassInput = KubernetesInput['workers'][number];

/** In their order. */
export const stacks = ['platform-kube', 'app-kube', 'observability-kube'];

export const imageOne = { repository: 'registry.example.com/troupe', tag: 'one' };
export const imageTwo = { repository: 'registry.example.com/troupe', tag: 'two' };

/** Scaled by demand: its Deployment names no replicas. */
export const scaledWorkers: WorkerClassInput = { name: 'scaled', cores: 1, scaling: { kind: 'keda', min: 2, max: 9 } };
const fixedWorkers: WorkerClassInput = { name: 'fixed', cores: 1, scaling: { kind: 'none', replicas: 6 } };

export function kubeEnvironment(kubeconfigPath: string, changes: Partial<KubernetesInput> = {}): KubernetesInput {
  return {
    kind: 'kubernetes',
    name: 'kube',
    cluster: { kubeconfigPath },
    image: imageOne,
    secrets: {
      kind: 'external-secrets',
      store: { kind: 'ClusterSecretStore', name: 'vault' },
      prefix: 'troupe/kube',
    },
    certificates: { kind: 'cert-manager', issuer: { kind: 'ClusterIssuer', name: 'internal' } },
    messaging: { kind: 'external', servers: ['nats.example.com:4222'] },
    data: {
      kind: 'external',
      contactPoints: ['cassandra.example.com:9042'],
      localDataCenter: 'dc1',
      replication: { dc1: 3 },
    },
    gateway: {
      access: { kind: 'issuers', issuers: [{ name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' }] },
      replicas: { min: 3, max: 6 },
      route: { gateway: 'public', gatewayNamespace: 'gateways', hostname: 'jobs.example.com' },
    },
    workers: [scaledWorkers, fixedWorkers],
    ...changes,
  };
}
