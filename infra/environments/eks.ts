/** Production on AWS: the reference for production, and the account under it as a stack of its own (`aws-eks`). */
import { defineEnvironment } from '../src/config/environment.ts';
import production from './production.ts';

/** Machines of a class run its pods and nothing else. */
const machinesOf = (name: string) => ({
  nodeSelector: { 'troupe.dev/worker-class': name },
  tolerations: [{ key: 'troupe.dev/worker-class', operator: 'Equal', value: name, effect: 'NoSchedule' } as const],
});

if (production.kind !== 'kubernetes') throw new Error('the reference for production is on Kubernetes');

export default defineEnvironment({
  ...production,
  name: 'eks',
  image: {
    ...production.image,
    repository: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/troupe',
  },
  secrets: {
    kind: 'external-secrets',
    store: { kind: 'ClusterSecretStore', name: 'aws-secrets-manager' },
    prefix: 'troupe/eks',
  },
  data: {
    kind: 'k8ssandra',
    dataCenter: 'eu-1',
    racks: ['a', 'b', 'c'].map((zone) => ({ name: zone, zone: `eu-central-1${zone}` })),
    // By the role of its pods.
    backup: { bucket: 'example-troupe-backups', region: 'eu-central-1' },
  },
  workers: production.workers.map((workers) => ({ ...workers, ...machinesOf(workers.name) })),
  aws: {
    region: 'eu-central-1',
    accountId: '123456789012',
    network: { kind: 'new', zones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'] },
    cluster: { adminRoles: ['arn:aws:iam::123456789012:role/platform'] },
    nodes: {
      data: {},
      workers: [
        { class: 'general', instanceTypes: ['c7i.4xlarge', 'c6i.4xlarge'], spot: true, min: 0, max: 26 },
        { class: 'large', instanceTypes: ['r7i.2xlarge'], min: 0, max: 20 },
      ],
    },
  },
});
