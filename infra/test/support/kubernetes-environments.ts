/** Environments of Kubernetes to hold properties against: every choice that the schema offers comes up. */
import fc from 'fast-check';
import { type EnvironmentInput, type KubernetesEnvironment, parseEnvironment } from '../../src/config/environment.ts';
import { leastPodMemoryMb } from '../../src/config/worker-memory.ts';

type Input = Extract<EnvironmentInput, { readonly kind: 'kubernetes' }>;
type WorkersInput = Input['workers'][number];

/** What a file of environments/ says, for tests that change a little of it. */
export function kubernetesInput(input: EnvironmentInput): Input {
  if (input.kind !== 'kubernetes') throw new Error('not an environment of Kubernetes');
  return input;
}

export function kubernetesEnvironment(input: unknown): KubernetesEnvironment {
  const environment = parseEnvironment('a test', input);
  if (environment.kind !== 'kubernetes') throw new Error('not an environment of Kubernetes');
  return environment;
}

const image = fc.constantFrom(
  { repository: 'registry.example.com/troupe', tag: '1.2.3' },
  { repository: 'registry.example.com/troupe', digest: `sha256:${'ab'.repeat(32)}` },
);
const range = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }))
  .map(([min, more]) => ({ min, max: min + more }));
const drainSeconds = fc.integer({ min: 1, max: 3_600 });
const placement = fc.record(
  {
    nodeSelector: fc.constant({ 'example.com/pool': 'cpu' }),
    tolerations: fc.constant([{ key: 'cpu', operator: 'Exists' as const }]),
    zoneSpread: fc.constantFrom('prefer' as const, 'require' as const),
  },
  { requiredKeys: [] },
);

const route = { gateway: 'public', gatewayNamespace: 'gateways', hostname: 'jobs.example.com' };
const open = { kind: 'none' as const };
const issuers = {
  kind: 'issuers' as const,
  issuers: [
    {
      name: 'corp',
      issuer: 'https://id.example.com:8443/realm',
      audience: 'troupe',
      tenantClaim: ['org', 'name'],
      groupRoles: { 'troupe-users': ['submitter', 'reader'] },
    },
  ],
  roles: { reader: ['jobs.read', 'payloads.read'] },
};
const issuersAndKeys = { ...issuers, apiKeys: true };
const keys = { kind: 'apiKeys' as const, roles: issuers.roles };
const gateway = fc
  .record({
    replicas: range,
    cpuMilli: fc.integer({ min: 10, max: 8_000 }),
    drainSeconds,
    tls: fc.constantFrom('certificate' as const, 'mesh' as const),
    access: fc.constantFrom(open, issuers, issuersAndKeys, keys),
    routed: fc.constantFrom('none' as const, 'rolling' as const, 'canary' as const),
    placement,
  })
  .map(({ routed, placement, access, ...rest }) => ({
    ...rest,
    access: routed !== 'none' && access === open ? issuers : access,
    ...placement,
    ...(routed !== 'none' && { route, rollout: { kind: routed } }),
  }));

const shards = fc
  .record({
    replicas: fc.integer({ min: 1, max: 20 }),
    cpuMilli: fc.integer({ min: 500, max: 8_000 }),
    drainSeconds,
    placement,
  })
  .map(({ placement, ...rest }) => ({ ...rest, ...placement }));

const scaling: fc.Arbitrary<WorkersInput['scaling']> = fc.oneof(
  range.map((both) => ({ kind: 'keda' as const, ...both })),
  range.map(({ max }) => ({ kind: 'keda' as const, min: 0, max, fallback: max, handlers: ['model.train'] })),
  range.map((both) => ({ kind: 'hpa-cpu' as const, ...both })),
  fc.integer({ min: 0, max: 9 }).map((replicas) => ({ kind: 'none' as const, replicas })),
);
const serving = fc.constantFrom<('blue' | 'green')[]>(['blue'], ['green'], ['blue', 'green']);
const egress = {
  name: 'models',
  to: [{ kind: 'addresses' as const, cidr: '10.1.0.0/16' }],
  ports: [443],
};

const workers = fc
  .record({
    cores: fc.integer({ min: 1, max: 64 }),
    scratchGb: fc.constantFrom(0, 20),
    cellsWanted: fc.integer({ min: 1, max: 8 }),
    threadMemoryMb: fc.integer({ min: 32, max: 8_192 }),
    moreMemoryMb: fc.constantFrom(0, 512),
    spareMb: fc.option(fc.integer({ min: 0, max: 4_096 }), { nil: undefined }),
    drainSeconds,
    scaling,
    image: fc.option(image, { nil: undefined }),
    tracks: fc.option(
      fc.record({ blue: image, green: image, serving, standbyReplicas: fc.integer({ min: 0, max: 3 }) }),
      {
        nil: undefined,
      },
    ),
    egress: fc.constantFrom([], [egress]),
    podDeletionCost: fc.boolean(),
    env: fc.constantFrom({}, { MODEL_URL: 'http://models/$(HOME)', EMPTY: '' }),
    secrets: fc.constantFrom([], ['model-key']),
    placement,
  })
  .map(({ cellsWanted, moreMemoryMb, spareMb, image, tracks, placement, ...rest }) => {
    const cells = Math.min(cellsWanted, rest.cores);
    const threadMemoryMaxMb = rest.threadMemoryMb + moreMemoryMb;
    const leastMb = leastPodMemoryMb({ ...rest, cells, threadMemoryMaxMb });
    const blueGreen = tracks !== undefined && rest.scaling.kind !== 'hpa-cpu';
    return {
      name: 'placeholder',
      ...rest,
      ...placement,
      cells,
      threadMemoryMaxMb,
      ...(spareMb !== undefined && { memoryMb: leastMb + spareMb }),
      ...(image && !blueGreen && { image }),
      ...(blueGreen && { rollout: { kind: 'blue-green' as const, ...tracks } }),
    };
  });

const messaging: fc.Arbitrary<Input['messaging']> = fc.constantFrom(
  { kind: 'cluster' as const },
  { kind: 'external' as const, servers: ['nats-1.example.com:4222', 'nats-2.example.com:4333'] },
);
const data: fc.Arbitrary<Input['data']> = fc.constantFrom(
  { kind: 'k8ssandra' as const, dataCenter: 'dc1' },
  { kind: 'k8ssandra' as const, dataCenter: 'dc1', keyspace: 'jobs_1', logins: 'component' as const },
  {
    kind: 'external' as const,
    contactPoints: ['10.0.0.1:9042', '10.0.0.2:9142'],
    localDataCenter: 'eu-1',
    replication: { 'eu-1': 3 },
  },
);

const bucket = { bucket: 'troupe-payloads', region: 'eu-central-1' };
const objects: fc.Arbitrary<Input['objects']> = fc.constantFrom(
  undefined,
  bucket,
  { ...bucket, credentials: 'secret' as const, payloadMaxGb: 5_120, prefix: 'a/b/' },
  {
    ...bucket,
    credentials: 'secret' as const,
    endpoint: 'http://minio.example.com:9000',
    linkEndpoint: 'https://files.example.com',
    pathStyle: true,
  },
);

export const environments: fc.Arbitrary<KubernetesEnvironment> = fc
  .record({
    name: fc.constantFrom('staging', 'production-eu'),
    namespace: fc.constantFrom('troupe', 'jobs'),
    image,
    imagePullSecrets: fc.constantFrom([], ['registry']),
    messaging,
    data,
    objects,
    gateway,
    shards,
    workers: fc.array(workers, { minLength: 1, maxLength: 3 }),
  })
  .map(({ workers, objects, ...rest }) =>
    kubernetesEnvironment({
      kind: 'kubernetes',
      ...rest,
      ...(objects && { objects }),
      secrets: { kind: 'existing' },
      certificates: { kind: 'existing' },
      network: { kubernetesApi: { to: [{ kind: 'addresses', cidr: '10.9.0.1/32' }] } },
      workers: workers.map((one, at) => ({ ...one, name: `class-${at + 1}` })),
    }),
  );
