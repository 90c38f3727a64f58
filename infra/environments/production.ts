/** The reference for production: three zones, operators by their charts, secrets from a vault, state in S3. */
import { defineEnvironment } from '../src/config/environment.ts';

export default defineEnvironment({
  kind: 'kubernetes',
  name: 'production',
  state: { kind: 's3', bucket: 'example-troupe-state', region: 'eu-central-1' },
  image: {
    repository: 'registry.example.com/troupe',
    digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000000',
  },
  secrets: {
    kind: 'external-secrets',
    store: { kind: 'ClusterSecretStore', name: 'vault' },
    prefix: 'troupe/production',
  },
  certificates: { kind: 'cert-manager', issuer: { kind: 'ClusterIssuer', name: 'internal' } },
  platform: {
    keda: { namespace: 'keda' },
    certManager: { namespace: 'cert-manager' },
    externalSecrets: { namespace: 'external-secrets' },
    k8ssandra: { namespace: 'k8ssandra-operator' },
    argoRollouts: { namespace: 'argo-rollouts' },
  },
  messaging: { kind: 'cluster', storageGb: 100 },
  data: {
    kind: 'k8ssandra',
    dataCenter: 'eu-1',
    racks: [
      { name: 'a', zone: 'eu-central-1a' },
      { name: 'b', zone: 'eu-central-1b' },
      { name: 'c', zone: 'eu-central-1c' },
    ],
    backup: { bucket: 'example-troupe-backups', region: 'eu-central-1', secret: 'medusa-bucket' },
  },
  gateway: {
    access: {
      kind: 'issuers',
      issuers: [
        {
          name: 'corp',
          issuer: 'https://id.example.com',
          audience: 'troupe',
          groupRoles: { 'troupe-users': ['submitter'], 'troupe-admins': ['tenant-admin', 'cluster-operator'] },
        },
      ],
    },
    replicas: { min: 3, max: 20 },
    rollout: { kind: 'canary' },
    zoneSpread: 'require',
    route: { gateway: 'public', gatewayNamespace: 'gateways', hostname: 'jobs.example.com' },
  },
  shards: { replicas: 3, zoneSpread: 'require' },
  workers: [
    { name: 'general', cores: 8, scaling: { kind: 'keda', min: 3, max: 50, fallback: 6 } },
    {
      name: 'large',
      cores: 4,
      threadMemoryMb: 4_096,
      scaling: { kind: 'keda', min: 0, max: 20, handlers: ['model.train'] },
    },
  ],
  observability: { labels: { release: 'prometheus' } },
});
