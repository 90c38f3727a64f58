import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkPolicyPort } from 'kubernetes-types/networking/v1.d.ts';
import { appObjects } from '../../src/objects/app.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { environments, kubernetesEnvironment, kubernetesInput } from '../support/kubernetes-environments.ts';
import { allPods, type Of, ofKind, selected, selects, theOnly } from '../support/objects.ts';
import production from '../../environments/production.ts';

function everyEnvironment(check: (objects: readonly KubernetesObject[]) => void): void {
  fc.assert(
    fc.property(environments, (environment) => {
      check(appObjects(environment));
    }),
    { numRuns: 50 },
  );
}

const isDefault = ({ spec }: Of<'NetworkPolicy'>): boolean => Object.keys(spec.podSelector).length === 0;
const numbers = (ports: readonly NetworkPolicyPort[] | undefined): readonly unknown[] =>
  ports?.map(({ port }) => port) ?? [];

describe('the policies', () => {
  it('close the namespace, and then open edges only', () => {
    everyEnvironment((objects) => {
      const policies = ofKind(objects, 'NetworkPolicy');
      const { spec } = theOnly(policies.filter(isDefault));
      expect(spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
      for (const { metadata, spec } of policies.filter((policy) => !isDefault(policy))) {
        const edges = [...(spec.ingress ?? []), ...(spec.egress ?? [])];
        expect(edges, metadata.name).toHaveLength(1);
        for (const { ports } of edges) expect(ports?.length).toBeGreaterThan(0);
        for (const { from } of spec.ingress ?? []) expect(from?.length).toBeGreaterThan(0);
      }
    });
  });

  it('let someone in at every port that a pod has, and at no port that it has not', () => {
    everyEnvironment((objects) => {
      const policies = ofKind(objects, 'NetworkPolicy');
      for (const { owner, labels, container } of allPods(objects)) {
        const open = policies
          .filter(({ spec }) => selects(spec.podSelector, labels))
          .flatMap(({ spec }) => spec.ingress ?? [])
          .flatMap(({ ports }) => numbers(ports));
        const listening = container.ports?.map(({ containerPort }) => containerPort) ?? [];
        expect(new Set(open), owner.metadata.name).toEqual(new Set(listening));
      }
    });
  });

  it('let every pod out to the servers that its configuration names', () => {
    everyEnvironment((objects) => {
      const policies = ofKind(objects, 'NetworkPolicy');
      for (const { owner, labels, spec } of allPods(objects)) {
        const open = policies
          .filter((policy) => selects(policy.spec.podSelector, labels))
          .flatMap((policy) => policy.spec.egress ?? [])
          .flatMap(({ ports }) => numbers(ports));
        const map = spec.volumes?.[0]?.projected?.sources?.find(({ configMap }) => configMap)?.configMap?.name;
        const settings = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === map);
        const text = settings?.data?.['troupe.config.yaml'] ?? '';
        const servers = [...text.matchAll(/^ +- \S+:(\d+)$/gm)].map(([, port]) => Number(port));
        expect(servers.length, owner.metadata.name).toBeGreaterThan(0);
        expect(open).toEqual(expect.arrayContaining([53, ...servers]));
      }
    });
  });

  it('select someone', () => {
    everyEnvironment((objects) => {
      const pods = allPods(objects);
      for (const { spec } of ofKind(objects, 'NetworkPolicy')) {
        expect(selected(spec.podSelector, pods).length).toBeGreaterThan(0);
      }
    });
  });

  it('of production are these edges', () => {
    const names = ofKind(appObjects(kubernetesEnvironment(production)), 'NetworkPolicy').map(
      ({ metadata }) => metadata.name,
    );
    expect(names).toEqual([
      'default-deny',
      'gateway-to-dns',
      'shards-to-dns',
      'workers-to-dns',
      'migrate-to-dns',
      'gateway-to-nats',
      'shards-to-nats',
      'workers-to-nats',
      'gateway-to-cassandra',
      'shards-to-cassandra',
      'workers-to-cassandra',
      'migrate-to-cassandra',
      'gateway-to-issuers',
      'clients-to-gateway',
      'keda-to-gateway',
      'prometheus-to-gateway',
      'prometheus-to-shards',
      'prometheus-to-workers',
    ]);
  });

  it('let gateways out to issuers only where there are some', () => {
    const names = (access: object): readonly string[] =>
      ofKind(appObjects(kubernetesEnvironment({ ...production, gateway: { access } })), 'NetworkPolicy').map(
        ({ metadata }) => metadata.name,
      );
    expect(names({ kind: 'apiKeys' })).not.toContainEqual(expect.stringContaining('gateway-to-issuers'));
    const issuers = [{ name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' }];
    expect(names({ kind: 'issuers', issuers, apiKeys: true })).toContainEqual(
      expect.stringContaining('gateway-to-issuers'),
    );
  });

  it('let the nodes out to the bucket of large payloads, and to nothing more where it is said where that is', () => {
    const bucket = { bucket: 'payloads', region: 'eu-central-1' };
    const rules = (objects: object): unknown =>
      ofKind(appObjects(kubernetesEnvironment({ ...production, objects })), 'NetworkPolicy')
        .filter(({ metadata }) => metadata.name.endsWith('-to-objects'))
        .map(({ metadata, spec }) => [metadata.name, spec.egress]);
    const names = ['gateway-to-objects', 'shards-to-objects', 'workers-to-objects'];
    const ports = (port: number): object => ({ ports: [{ protocol: 'TCP', port }] });
    expect(rules(bucket)).toEqual(names.map((name) => [name, [ports(443)]]));
    const to = [{ kind: 'addresses', cidr: '10.2.0.0/16' }];
    expect(rules({ ...bucket, endpoint: 'http://minio:9000', to })).toEqual(
      names.map((name) => [name, [{ ...ports(9_000), to: [{ ipBlock: { cidr: '10.2.0.0/16' } }] }]]),
    );
  });

  it('let handlers out only as the class says', () => {
    const edge = { name: 'models', to: [{ kind: 'addresses', cidr: '10.1.0.0/16' }], ports: [443] };
    const [first, second] = kubernetesInput(production).workers;
    const objects = appObjects(
      kubernetesEnvironment({ ...production, workers: [{ ...first, egress: [edge] }, second] }),
    );
    const policy = theOnly(ofKind(objects, 'NetworkPolicy').filter(({ metadata }) => metadata.name.includes('models')));
    expect(policy.metadata.name).toBe('workers-to-models-from-general');
    expect(selected(policy.spec.podSelector, allPods(objects))).toEqual(['troupe-workers-general']);
    expect(policy.spec.egress).toEqual([
      { to: [{ ipBlock: { cidr: '10.1.0.0/16' } }], ports: [{ protocol: 'TCP', port: 443 }] },
    ]);
  });
});
