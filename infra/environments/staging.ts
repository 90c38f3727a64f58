/** A small cluster on Kubernetes that has everything production has, once. */
import { defineEnvironment } from '../src/config/environment.ts';

export default defineEnvironment({
  kind: 'kubernetes',
  name: 'staging',
  image: { repository: 'registry.example.com/troupe', tag: '0.1.0' },
  secrets: { kind: 'existing' },
  certificates: { kind: 'cert-manager', issuer: { kind: 'ClusterIssuer', name: 'internal' } },
  messaging: { kind: 'cluster', storageGb: 10, cpuMilli: 500, memoryMb: 1_024 },
  data: { kind: 'k8ssandra', dataCenter: 'dc1', storageGb: 20, cpuMilli: 1_000, memoryMb: 4_096, heapMb: 2_048 },
  // Whoever the network policies let through may work with all jobs. A cluster with a route needs issuers.
  gateway: { access: { kind: 'none' }, replicas: { min: 2, max: 3 } },
  shards: { replicas: 2 },
  workers: [{ name: 'general', cores: 2, scaling: { kind: 'keda', min: 1, max: 4 } }],
});
