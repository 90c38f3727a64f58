/** What Troupe stands on: NATS, the ring, Secrets, certificates, namespaces; held against what the pods of Troupe expect. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { KubernetesEnvironment } from '../src/config/environment.ts';
import { natsPods } from '../src/objects/backing-network.ts';
import { objectsByStack } from '../src/objects/by-stack.ts';
import type { KubernetesObject } from '../src/objects/kubernetes-object.ts';
import { cassandraContactPoints, gatewayHosts, natsServers } from '../src/objects/names.ts';
import { natsChart } from '../src/objects/nats.ts';
import { operatorCharts } from '../src/objects/operators.ts';
import { backingEnvironments, followers } from './support/backing-environments.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import { allPods, ofKind, selects } from './support/objects.ts';
import production from '../environments/production.ts';

const page = readFileSync(new URL('../../docs/operating/secrets.md', import.meta.url), 'utf8');

const allObjects = (environment: KubernetesEnvironment): readonly KubernetesObject[] =>
  [...objectsByStack(environment).values()].flat();

interface Reference {
  readonly namespace: string;
  readonly name: string;
}

/** Fields by which pods, charts and operators name a Secret. */
const referenceFields = [/SecretRef$/, /^certificatesSecretRef$/, /^secretKeyRef$/, /^passwordSecretRef$/];

/** Every Secret that something mounts or reads. */
function references(value: unknown, namespace: string): readonly Reference[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]: [string, unknown]) => {
    const name = nameIn(field, inner);
    return [...(name === undefined ? [] : [{ namespace, name }]), ...references(inner, namespace)];
  });
}

function nameIn(field: string, inner: unknown): string | undefined {
  // A Certificate's `secretName` is what it makes; the caller leaves those out.
  if (field === 'secretName') return String(inner);
  const byName = field === 'secret' || referenceFields.some((pattern) => pattern.test(field));
  if (!byName || typeof inner !== 'object' || inner === null || !('name' in inner)) return undefined;
  return String(inner.name);
}

const made = (object: KubernetesObject): boolean => ['Certificate', 'ExternalSecret'].includes(object.kind);

function wanted(environment: KubernetesEnvironment): readonly Reference[] {
  const home = environment.namespace;
  const chart = natsChart(environment);
  const found = [
    ...allObjects(environment)
      .filter(({ kind }) => kind !== 'Certificate')
      .flatMap(({ spec, metadata }) => references(spec, metadata.namespace ?? home)),
    ...allObjects(environment)
      .filter(({ kind }) => kind === 'Certificate')
      .flatMap(({ spec, metadata }) =>
        references((spec as { readonly keystores?: unknown }).keystores, metadata.namespace ?? home),
      ),
    ...(chart === undefined ? [] : references(chart.values, chart.namespace)),
  ];
  return [...new Map(found.map((reference) => [`${reference.namespace}/${reference.name}`, reference])).values()];
}

describe.each(backingEnvironments)('of %s', (_, environment) => {
  const objects = allObjects(environment);

  it('each Secret that is read is made, or is one of those that docs/operating/secrets.md says must exist', () => {
    const makers = new Set(objects.filter(made).map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`));
    const { data, messaging, secrets, certificates } = environment;
    const backup = data.kind === 'k8ssandra' ? data.backup : undefined;
    const missing = wanted(environment).filter(({ namespace, name }) => !makers.has(`${namespace}/${name}`));
    const mustExist = missing.filter(({ name }) => {
      const named = page.includes(`| \`${name}\` |`) || name === backup?.secret || name === backup?.clientCertificates;
      if (name === 'troupe-nats-tls')
        return !(named && (messaging.kind === 'external' || certificates.kind === 'existing'));
      if (name === 'troupe-cassandra-tls')
        return !(named && (data.kind === 'external' || certificates.kind === 'existing'));
      const existing = /-tls$/.test(name) ? certificates.kind : secrets.kind;
      return !(named && existing === 'existing');
    });
    expect(wanted(environment).length).toBeGreaterThan(5);
    expect(mustExist).toEqual([]);
  });

  it('no secret has a value, not even in the values of a chart', () => {
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const texts = [
      ...objects.map((object) => stringify(object)),
      ...[natsChart(environment), ...operatorCharts(environment)].map((chart) => stringify(chart?.values ?? {})),
    ];
    const values = texts.flatMap((text) => [...text.matchAll(/^ *-? *(?:password|token|secret|credentials): (.+)$/gm)]);
    // The variable of a server's environment, and the template that external-secrets fills.
    const literal = values.map(([, value = '']) => value).filter((value) => !/^(<< \$|"?\{\{ \.)/.test(value));
    expect(literal).toEqual([]);
  });

  it('each namespace that has an object or a chart is made, with its level of pod security', () => {
    const namespaces = new Map(
      objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => [metadata.name, metadata.labels]),
    );
    const used = [
      ...objects.flatMap(({ metadata }) => metadata.namespace ?? []),
      ...operatorCharts(environment).map(({ namespace }) => namespace),
      ...[natsChart(environment)].flatMap((chart) => chart?.namespace ?? []),
    ];
    expect(used.filter((namespace) => !namespaces.has(namespace))).toEqual([]);
    for (const labels of namespaces.values()) {
      expect(labels['pod-security.kubernetes.io/enforce']).toMatch(/^(restricted|baseline)$/);
    }
    expect(namespaces.get(environment.namespace)?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
  });

  it('objects are told apart by kind, namespace and name', () => {
    const ids = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('certificates hold for the names that are dialled, and get a new key each time', () => {
    const certificates = objects.filter(({ kind }) => kind === 'Certificate');
    const specs = certificates.map(
      ({ spec }) => spec as { readonly dnsNames?: readonly string[]; readonly privateKey: { rotationPolicy: string } },
    );
    for (const { privateKey } of specs) expect(privateKey.rotationPolicy).toBe('Always');
    const names = new Set(specs.flatMap(({ dnsNames = [] }) => dnsNames));
    const hostOf = (server: string): string => server.slice(0, server.lastIndexOf(':'));
    const { messaging, data } = environment;
    const dialled =
      environment.certificates.kind === 'existing'
        ? []
        : [
            ...gatewayHosts(environment),
            ...(messaging.kind === 'cluster' ? natsServers(environment).map(hostOf) : []),
            ...(data.kind === 'k8ssandra' ? cassandraContactPoints(environment).map(hostOf) : []),
          ];
    expect(dialled.filter((host) => !names.has(host))).toEqual([]);
  });
});

describe('monitors', () => {
  it.each(backingEnvironments)('of %s scrape ports that the pods they select have', (_, environment) => {
    const objects = allObjects(environment);
    const monitors = objects.filter(({ kind }) => kind === 'PodMonitor');
    expect(monitors.length).toBeGreaterThan(2);
    for (const { metadata, spec } of monitors) {
      const { selector, podMetricsEndpoints } = spec as {
        readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
        readonly podMetricsEndpoints: readonly { readonly port: string }[];
      };
      // The pods of NATS are made by its chart, whose exporter has this one port.
      if (selects(selector, natsPods)) {
        expect(podMetricsEndpoints).toMatchObject([{ port: 'prom-metrics' }]);
        continue;
      }
      const scraped = allPods(objects).filter(({ labels }) => selects(selector, labels));
      expect(scraped.length, metadata.name).toBeGreaterThan(0);
      for (const { container } of scraped) {
        const names = container.ports?.map(({ name }) => name) ?? [];
        expect(names).toEqual(expect.arrayContaining(podMetricsEndpoints.map(({ port }) => port)));
      }
    }
  });
});

describe('bad input', () => {
  const base = kubernetesInput(production);
  it.each([
    [
      'a NATS that the nodes refuse',
      { messaging: { kind: 'cluster', serverVersion: '2.14.4' } },
      'messaging.serverVersion',
    ],
    ['a disk that its streams do not fit on', { messaging: { kind: 'cluster', storageGb: 7 } }, 'messaging.storageGb'],
    [
      'a disk that eight streams of events do not fit on',
      { messaging: { kind: 'cluster', storageGb: 38, eventStreams: 8 } },
      'messaging.storageGb',
    ],
    [
      'a Cassandra with known holes',
      { data: { kind: 'k8ssandra', dataCenter: 'a', serverVersion: '5.0.6' } },
      'data.serverVersion',
    ],
    ['more replicas than nodes', { data: { kind: 'k8ssandra', dataCenter: 'a', nodes: 2 } }, 'data.replication'],
    ['a heap that leaves nothing', { data: { kind: 'k8ssandra', dataCenter: 'a', heapMb: 9_000 } }, 'data.heapMb'],
    [
      'an availability of all',
      { observability: { thresholds: { availability: 1 } } },
      'observability.thresholds.availability',
    ],
    ['a collector that sends nowhere', { observability: { otlpEndpoint: 'otel' } }, 'observability.otlpEndpoint'],
    ['spans that nobody takes', { observability: { traces: {} } }, 'observability.traces'],
    [
      'a share of more than all',
      { observability: { otlpEndpoint: 'o:1', traces: { ratio: 2 } } },
      'observability.traces.ratio',
    ],
    ['an operator without a namespace', { platform: { keda: {} } }, 'platform.keda'],
  ])('%s is refused by its path', (_, change, path) => {
    expect(() => kubernetesEnvironment({ ...base, ...change })).toThrow(`${path}:`);
  });
});

describe('the servers of NATS', () => {
  const clustered = backingEnvironments.filter(([, { messaging }]) => messaging.kind === 'cluster');

  it.each(clustered)(
    'of %s are reached at the ports that are named, and never at the one for monitoring',
    (_, environment) => {
      const { messaging } = environment;
      const namespace = messaging.kind === 'cluster' ? messaging.namespace : '';
      const policies = ofKind(allObjects(environment), 'NetworkPolicy').filter(
        ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.podSelector, natsPods),
      );
      const rules = policies.flatMap(({ spec }) => spec.ingress ?? []);
      for (const { from, ports } of rules) {
        expect(from?.length).toBeGreaterThan(0);
        expect(ports?.length).toBeGreaterThan(0);
      }
      const open = rules.flatMap(({ ports = [] }) => ports.map(({ port }) => port));
      expect([...new Set(open)].toSorted()).toEqual([4_222, 6_222, 7_777]);
      expect(policies.some(({ spec }) => spec.policyTypes?.includes('Ingress') && spec.ingress === undefined)).toBe(
        true,
      );
    },
  );

  it('of production are three on three machines, with TLS that asks for certificates, and a disk that is not filled up', () => {
    const [, environment] = backingEnvironments[0] ?? [];
    const values = environment && natsChart(environment)?.values;
    expect(values).toMatchObject({
      config: {
        cluster: { enabled: true, replicas: 3, tls: { enabled: true, merge: { verify: true } } },
        nats: { tls: { enabled: true, merge: { verify: true } } },
        jetstream: { fileStore: { maxSize: '90Gi', pvc: { size: '100Gi' } }, memoryStore: { enabled: false } },
      },
      podTemplate: { topologySpreadConstraints: { 'kubernetes.io/hostname': { whenUnsatisfiable: 'DoNotSchedule' } } },
      podDisruptionBudget: { enabled: true },
      natsBox: { enabled: false },
    });
  });
});

describe('followers of events', () => {
  const of = (title: string): KubernetesEnvironment => {
    const [, environment] = backingEnvironments.find(([name]) => name === title) ?? [];
    if (environment === undefined) throw new Error(`no environment ${title}`);
    return environment;
  };
  const [closed, open] = [of('production'), of('one whose events are followed')];
  const gatewayNats = (environment: KubernetesEnvironment): unknown =>
    allObjects(environment).flatMap(({ kind, metadata, data = {} }) => {
      const text = kind === 'ConfigMap' && metadata.name === 'troupe-gateway' ? data['troupe.config.yaml'] : undefined;
      return text === undefined
        ? []
        : [(parse(text) as { readonly nats: { readonly followers?: unknown } }).nats.followers];
    })[0];
  const policyOf = (environment: KubernetesEnvironment) =>
    ofKind(allObjects(environment), 'NetworkPolicy').find(({ metadata }) => metadata.name === 'followers-to-nats');

  it('reach nothing, and are let in by nobody, unless an environment says so', () => {
    expect([policyOf(closed), gatewayNats(closed)]).toEqual([undefined, undefined]);
    const values = JSON.stringify(natsChart(closed)?.values ?? {});
    expect(values).not.toMatch(/auth_callout|FOLLOWERS|USER\.AUTH|system_account/);
  });

  it('reach the port of clients from where it says, and no other', () => {
    expect(policyOf(open)?.spec.ingress).toEqual([
      {
        from: [
          { namespaceSelector: { matchLabels: { team: 'billing' } }, podSelector: {} },
          { ipBlock: { cidr: '10.2.0.0/16' } },
        ],
        ports: [{ protocol: 'TCP', port: 4_222 }],
      },
    ]);
  });

  it('are let in by the gateways alone, into an account that gets what three streams hand out', () => {
    expect(gatewayNats(open)).toMatchObject({
      servers: ['nats.nats.svc.cluster.local:4222'],
      signingSeedPath: '/etc/troupe/followers/signing-seed',
      systemUser: 'troupe-system',
    });
    const seeds = allObjects(open).filter((object) => stringify(object).includes('troupe-nats-followers'));
    expect(seeds.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual(
      [
        'ExternalSecret troupe-nats-followers',
        expect.stringMatching(/^(Deployment|Rollout) troupe-gateway$/) as string,
      ].toSorted(),
    );
    const merge = (natsChart(open)?.values as { readonly config: { readonly merge: Merged } }).config.merge;
    expect(merge.authorization.auth_callout).toMatchObject({ account: 'TROUPE', issuer: followers.issuer });
    expect(merge.authorization.auth_callout.auth_users).toEqual([
      'troupe-gateway',
      'troupe-shards',
      'troupe-workers',
      'troupe-system',
    ]);
    const { imports, users } = merge.accounts.FOLLOWERS;
    expect(users).toBeUndefined();
    expect(imports).toHaveLength(12);
    expect(imports.every(({ service: { subject } }) => /TROUPE_EVENTS(_[12])?\.[*>]/.test(subject))).toBe(true);
  });

  it.each([
    ['issuer', { ...followers, issuer: followers.sealing }],
    ['issuer', { ...followers, issuer: `SA${'A'.repeat(56)}` }],
    ['sealing', { ...followers, sealing: '' }],
    ['peers', { ...followers, peers: [] }],
  ])('are refused with another %s', (path, wrong) => {
    const messaging = { kind: 'cluster', storageGb: 100, followers: wrong };
    const input = { ...kubernetesInput(production), messaging };
    expect(() => kubernetesEnvironment(input)).toThrow(`messaging.followers.${path}`);
  });
});

interface Merged {
  readonly authorization: {
    readonly auth_callout: {
      readonly auth_users: readonly string[];
      readonly issuer: string;
      readonly account: string;
    };
  };
  readonly accounts: {
    readonly FOLLOWERS: {
      readonly users?: unknown;
      readonly imports: readonly { readonly service: { readonly subject: string } }[];
    };
  };
}

describe('the streams of events', () => {
  const [, environment] = backingEnvironments[0] ?? [];
  if (environment === undefined) throw new Error('no environment');
  const { messaging } = environment;

  it.each([1, 4])('are told to the nodes as the accounts of the servers know them: %i', (eventStreams) => {
    const changed = { ...environment, messaging: { ...messaging, eventStreams } };
    const told = allObjects(changed).flatMap(({ kind, data = {} }) => {
      const text = kind === 'ConfigMap' ? data['troupe.config.yaml'] : undefined;
      const { nats } = (text === undefined ? {} : parse(text)) as {
        readonly nats?: { readonly eventStreams?: number };
      };
      return nats === undefined ? [] : [nats.eventStreams ?? 1];
    });
    expect(new Set(told)).toEqual(new Set([eventStreams]));
    const accounts = JSON.stringify(natsChart(changed)?.values ?? {});
    const inlets = [...accounts.matchAll(/"troupe\.kept\.(\d+)\.\*\.\*\.\*"/g)].map(([, n]) => Number(n));
    expect(inlets).toEqual(Array.from({ length: eventStreams - 1 }, (_, n) => n + 1));
  });
});

describe('the time after which NATS has written what it has confirmed', () => {
  const settingsOf = (environment: KubernetesEnvironment): readonly unknown[] =>
    allObjects(environment).flatMap(({ kind, data = {} }) => {
      const text = kind === 'ConfigMap' ? data['troupe.config.yaml'] : undefined;
      if (text === undefined) return [];
      const { nats } = parse(text) as { readonly nats?: { readonly syncIntervalMs?: number } };
      return nats === undefined ? [] : [nats.syncIntervalMs];
    });

  it.each(backingEnvironments)('is told to the nodes as it is told to the servers: %s', (_, environment) => {
    const chart = natsChart(environment);
    const declared = /sync_interval":"<< (\d+)ms >>"/.exec(JSON.stringify(chart?.values ?? {}))?.[1];
    const told = settingsOf(environment);
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told)).toEqual(new Set([declared === undefined ? undefined : Number(declared)]));
    expect(declared === undefined).toBe(chart === undefined);
  });

  it('is what is said of servers of somebody else', () => {
    const [, environment] = backingEnvironments[0] ?? [];
    if (environment === undefined) throw new Error('no environment');
    const messaging: KubernetesEnvironment['messaging'] = {
      kind: 'external',
      servers: ['nats.example:4222'],
      replicas: 3,
      syncIntervalMs: 5_000,
      eventStreams: 1,
    };
    expect(new Set(settingsOf({ ...environment, messaging }))).toEqual(new Set([5_000]));
  });
});

describe('the ring of production', () => {
  const [, environment] = backingEnvironments[0] ?? [];
  const data = environment === undefined ? [] : (objectsByStack(environment).get('data') ?? []);
  const of = (kind: string): unknown => data.find((object) => object.kind === kind)?.spec;

  it('is what group commits need, in three zones, encrypted, repaired', () => {
    expect(of('K8ssandraCluster')).toMatchObject({
      auth: true,
      cassandra: {
        config: {
          cassandraYaml: {
            paxos_variant: 'v2',
            commitlog_sync: 'group',
            server_encryption_options: { internode_encryption: 'all' },
            client_encryption_options: { enabled: true, optional: false },
          },
        },
        datacenters: [
          {
            racks: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'].map((zone) => ({
              nodeAffinityLabels: { 'topology.kubernetes.io/zone': zone },
            })),
          },
        ],
      },
      reaper: { autoScheduling: { enabled: true } },
    });
  });

  it('is backed up every night, and keeps what its configuration says', () => {
    expect(of('MedusaBackupSchedule')).toMatchObject({ cronSchedule: '0 3 * * *', operationType: 'backup' });
    expect(of('K8ssandraCluster')).toMatchObject({ medusa: { storageProperties: { maxBackupAge: 14 } } });
  });
});
