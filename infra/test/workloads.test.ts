import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EnvironmentError, parseEnvironment } from '../src/config/environment.ts';
import { cellRssMaxMb, leastPodMemoryMb } from '../src/config/worker-memory.ts';
import { workersObjects } from '../src/objects/workers.ts';
import { kubernetesInput } from './support/kubernetes-environments.ts';
import { allPods } from './support/objects.ts';
import staging from '../environments/staging.ts';

const base = kubernetesInput(staging);
const open = { kind: 'none' };
const corp = { name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' };
const image = { repository: 'registry.example.com/troupe', tag: '2.0.0' };
const blueGreen = { kind: 'blue-green', blue: image, green: image, serving: ['blue'] };

function problems(changes: object): readonly string[] {
  try {
    parseEnvironment('a test', { ...base, ...changes });
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
  return [];
}

const withClass = (changes: object): object => ({ workers: [{ ...base.workers[0], ...changes }] });

describe('the workloads of an environment are refused, by the path, for', () => {
  it.each([
    [
      'a canary without a route',
      { gateway: { access: open, rollout: { kind: 'canary' } } },
      'gateway.rollout: a canary moves',
    ],
    ['a gateway that does not say who may call it', { gateway: {} }, 'gateway.access: says who may call'],
    [
      'a role that does not exist',
      { gateway: { access: { kind: 'issuers', issuers: [{ ...corp, groupRoles: { ops: ['toString'] } }] } } },
      'gateway.access.issuers: name roles that exist',
    ],
    [
      'a permission that does not exist',
      { gateway: { access: { kind: 'issuers', issuers: [corp], roles: { boss: ['jobs.*'] } } } },
      'gateway.access.roles.boss[0]: is a permission',
    ],
    [
      'another built-in role',
      { gateway: { access: { kind: 'issuers', issuers: [corp], roles: { viewer: ['jobs.read'] } } } },
      'gateway.access.roles: do not redefine',
    ],
    [
      'two issuers of one name',
      { gateway: { access: { kind: 'issuers', issuers: [corp, { ...corp, issuer: 'https://b.example.com' }] } } },
      'gateway.access.issuers: have different names',
    ],
    ['no issuer', { gateway: { access: { kind: 'issuers', issuers: [] } } }, 'gateway.access.issuers: '],
    [
      'a route that opens the cluster to everyone',
      { gateway: { access: open, route: { gateway: 'g', gatewayNamespace: 'n', hostname: 'jobs.example.com' } } },
      'gateway.route: would open the cluster',
    ],
    ['more nodes than shards', { shards: { replicas: 9, count: 8 } }, 'shards.replicas: is at most `count`'],
    [
      'an address that is none',
      { network: { clients: [{ kind: 'addresses', cidr: '10.0.0.0' }] } },
      'network.clients[0].cidr: addresses such as',
    ],
    ['more cells than threads', withClass({ cells: 3 }), 'workers[0].cells: is at most `cores`'],
    [
      'less memory than its threads need',
      withClass({ memoryMb: 1_024 }),
      'workers[0].memoryMb: 2 threads need at least 1728 MiB',
    ],
    [
      'a most that is below the usual',
      withClass({ threadMemoryMaxMb: 256 }),
      'workers[0].threadMemoryMaxMb: is at least',
    ],
    ['a name that leaves no room for that of the pod', withClass({ name: 'a'.repeat(25) }), 'workers[0].name: '],
    [
      'a secret of Troupe for its handlers',
      withClass({ env: { TROUPE_TOKEN: 'x' } }),
      'workers[0].env.TROUPE_TOKEN: is not given',
    ],
    ['a prefix, which has no value', withClass({ env: { 'APP_*': 'x' } }), 'workers[0].env.APP_*: must be a name'],
    [
      'more variables than handlers may be given',
      withClass({ env: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`N${at}`, ''])) }),
      'workers[0].env: at most 64 variables',
    ],
    ['a drain that the node would refuse', withClass({ drainSeconds: 3_601 }), 'workers[0].drainSeconds: '],
    [
      'blue-green on CPU',
      withClass({ rollout: blueGreen, scaling: { kind: 'hpa-cpu', max: 4 } }),
      'workers[0].scaling.kind: blue-green needs',
    ],
    ['blue-green with a third image', withClass({ rollout: blueGreen, image }), 'workers[0].image: the images are'],
    [
      'a track that serves twice',
      withClass({ rollout: { ...blueGreen, serving: ['blue', 'blue'] } }),
      'workers[0].rollout.serving: names one twice',
    ],
    [
      'a class beside others that comes from nothing for anything',
      { workers: [...base.workers, { name: 'large', cores: 1, scaling: { kind: 'keda', min: 0, max: 1 } }] },
      'workers[1].scaling: without a node nobody knows',
    ],
    [
      'a token for an API that it cannot reach',
      withClass({ podDeletionCost: true }),
      'network.kubernetesApi: a class with `podDeletionCost`',
    ],
    [
      'a class that is called as a track of another',
      {
        workers: [
          { ...base.workers[0], rollout: blueGreen },
          { ...base.workers[0], name: 'general-green' },
        ],
      },
      'workers: two classes have one name',
    ],
    [
      'two edges of one name',
      withClass({ egress: [1, 2].map((port) => ({ name: 'a', to: [{ kind: 'pods' }], ports: [port] })) }),
      'workers[0].egress: two edges have one name',
    ],
    [
      'least above most',
      withClass({ scaling: { kind: 'keda', min: 5, max: 4 } }),
      'workers[0].scaling.min: is at most `max`',
    ],
  ])('%s', (_, changes, problem) => {
    expect(problems(changes)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('what handlers of a class see', () => {
  it('is named to the node, and is in its pods as it was written', () => {
    const env = { MODEL_URL: 'http://models', PRICE: '$(PATH) costs $5, $$' };
    const input = { ...base, ...withClass({ env }) };
    const environment = parseEnvironment('a test', input);
    if (environment.kind !== 'kubernetes') throw new Error('not an environment of Kubernetes');
    const objects = workersObjects(environment);
    const file = objects.find(({ kind }) => kind === 'ConfigMap')?.data?.['troupe.config.yaml'] ?? '';
    expect(parse(file)).toMatchObject({ handlers: { env: ['MODEL_URL', 'PRICE'] } });
    const [{ container } = { container: undefined }] = allPods(objects);
    // Kubernetes makes `$` of `$$`, and then looks for no name.
    expect(container?.env?.filter(({ value }) => value !== undefined)).toEqual([
      { name: 'MODEL_URL', value: 'http://models' },
      { name: 'PRICE', value: '$$(PATH) costs $$5, $$$$' },
    ]);
  });
});

describe('the disk for inputs that handlers take as files', () => {
  it.each([
    { scratchGb: 0, settings: { scratchMaxBytes: 0 }, sizes: [] },
    {
      scratchGb: 20,
      settings: {
        scratchDir: '/var/lib/troupe-scratch',
        scratchMaxBytes: Math.floor(19 * 1_024 ** 3),
        cellScratchMaxBytes: Math.floor(0.8 * 1_024 ** 3),
      },
      sizes: ['20Gi'],
    },
  ])(
    'of $scratchGb GiB is a volume of its own, a little larger than what the node uses',
    ({ scratchGb, settings, sizes }) => {
      const environment = parseEnvironment('a test', { ...base, ...withClass({ scratchGb }) });
      if (environment.kind !== 'kubernetes') throw new Error('not an environment of Kubernetes');
      const objects = workersObjects(environment);
      const file = objects.find(({ kind }) => kind === 'ConfigMap')?.data?.['troupe.config.yaml'] ?? '';
      expect(parse(file)).toMatchObject({ workers: settings });
      const [pod] = allPods(objects);
      const volumes = pod?.spec.volumes?.filter(({ name }) => name === 'scratch') ?? [];
      expect(volumes.map(({ emptyDir }) => emptyDir?.sizeLimit)).toEqual(sizes);
      const mounts = pod?.container.volumeMounts?.filter(({ name }) => name === 'scratch') ?? [];
      expect(mounts).toHaveLength(sizes.length);
    },
  );
});

describe('the memory of a worker pod', () => {
  it('holds the process, the cells and all heaps, and a fifth more', () => {
    expect(leastPodMemoryMb({ cores: 8, cells: 1, threadMemoryMb: 512 })).toBe(Math.ceil((256 + 160 + 8 * 512) * 1.2));
    expect(leastPodMemoryMb({ cores: 8, cells: 2, threadMemoryMb: 512, threadMemoryMaxMb: 1_024 })).toBe(
      Math.ceil((256 + 2 * (160 + 3 * 512 + 1_024)) * 1.2),
    );
  });

  it('is shared out to the cells as their bound', () => {
    expect(cellRssMaxMb({ cores: 8, cells: 2, threadMemoryMb: 512, memoryMb: 8_192 })).toBe(
      Math.floor((8_192 - 307.2) / 2),
    );
    expect(cellRssMaxMb({ cores: 1, cells: 1, threadMemoryMb: 32 })).toBe(256);
  });
});
