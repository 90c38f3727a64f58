/** Environments that differ in what Troupe stands on: who runs NATS and Cassandra, who puts Secrets in place. */
import type { EnvironmentInput, KubernetesEnvironment } from '../../src/config/environment.ts';
import { kubernetesEnvironment, kubernetesInput } from './kubernetes-environments.ts';
import production from '../../environments/production.ts';
import staging from '../../environments/staging.ts';

type Input = Extract<EnvironmentInput, { readonly kind: 'kubernetes' }>;

const base = kubernetesInput(production);

const external: Pick<Input, 'messaging' | 'data'> = {
  messaging: { kind: 'external', servers: ['nats.example.com:4222'] },
  data: {
    kind: 'external',
    contactPoints: ['10.0.0.1:9042'],
    localDataCenter: 'eu-1',
    replication: { 'eu-1': 3 },
  },
};

const collector = { otlpEndpoint: 'otel.example.com:4317', dashboards: false };
const collected: Input = { ...base, observability: collector };
const traced: Input = { ...base, observability: { ...collector, traces: { ratio: 0.1 } } };

/** Public parts of keys whose seeds nobody has. */
export const followers = {
  issuer: `A${'A'.repeat(55)}`,
  sealing: `X${'A'.repeat(55)}`,
  peers: [
    { kind: 'pods' as const, namespaceLabels: { team: 'billing' } },
    { kind: 'addresses' as const, cidr: '10.2.0.0/16' },
  ],
};
const followed: Input = { ...base, messaging: { kind: 'cluster', storageGb: 100, eventStreams: 3, followers } };

/** By what is told apart. */
export const backingEnvironments: readonly (readonly [string, KubernetesEnvironment])[] = [
  ['production', kubernetesEnvironment(production)],
  ['staging', kubernetesEnvironment(staging)],
  ['one with a NATS and a ring of somebody else', kubernetesEnvironment({ ...base, ...external })],
  [
    'one whose Secrets are there',
    kubernetesEnvironment({ ...base, secrets: { kind: 'existing' }, certificates: { kind: 'existing' } }),
  ],
  ['one whose events are followed', kubernetesEnvironment(followed)],
  ['one with a collector', kubernetesEnvironment(collected)],
  ['one with traces', kubernetesEnvironment(traced)],
];
