import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { appObjects } from '../../src/objects/app.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { environments, kubernetesEnvironment, kubernetesInput } from '../support/kubernetes-environments.ts';
import { ofKind, theOnly } from '../support/objects.ts';
import staging from '../../environments/staging.ts';

const base = kubernetesInput(staging);
const [general] = base.workers;
const image = { repository: 'registry.example.com/troupe', tag: '2.0.0' };

const access = {
  kind: 'issuers',
  issuers: [{ name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' }],
};

function objectsWith(workers: object, gateway: object = {}): readonly KubernetesObject[] {
  return appObjects(
    kubernetesEnvironment({ ...base, gateway: { access, ...gateway }, workers: [{ ...general, ...workers }] }),
  );
}

const scalers = (objects: readonly KubernetesObject[]) => [
  ...ofKind(objects, 'HorizontalPodAutoscaler'),
  ...ofKind(objects, 'ScaledObject'),
];

describe('autoscaling', () => {
  it('never meets a number of replicas in the manifest, and where there is none the number is there', () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const objects = appObjects(environment);
        const scaled = new Set(scalers(objects).map(({ spec }) => spec.scaleTargetRef.name));
        for (const { metadata, spec } of [...ofKind(objects, 'Deployment'), ...ofKind(objects, 'Rollout')]) {
          expect('replicas' in spec, metadata.name).toBe(!scaled.has(metadata.name));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('points at a workload that is there, by its kind', () => {
    fc.assert(
      fc.property(environments, (environment) => {
        const objects = appObjects(environment);
        for (const { spec } of scalers(objects)) {
          const { apiVersion, kind, name } = spec.scaleTargetRef;
          const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
          expect(found.map((object) => object.apiVersion)).toEqual([apiVersion]);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('by demand asks the gateways, with a floor, a fallback that takes nothing away, and goes down slowly', () => {
    const objects = objectsWith({ scaling: { kind: 'keda', min: 3, max: 40, fallback: 6 } });
    const { spec } = theOnly(ofKind(objects, 'ScaledObject'));
    expect(spec).toMatchObject({
      minReplicaCount: 3,
      maxReplicaCount: 40,
      fallback: { failureThreshold: 3, replicas: 6, behavior: 'currentReplicasIfHigher' },
      advanced: {
        horizontalPodAutoscalerConfig: {
          behavior: {
            scaleDown: {
              stabilizationWindowSeconds: 300,
              policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
            },
          },
        },
      },
      triggers: [
        {
          type: 'external',
          metadata: {
            scalerAddress: 'troupe-scaler.troupe.svc.cluster.local:50061',
            workerClass: 'general',
            slotsPerPod: '2',
            enableTLS: 'true',
          },
          authenticationRef: { name: 'troupe-scaler' },
        },
      ],
    });
    expect(
      objects.some(({ kind, metadata }) => kind === 'TriggerAuthentication' && metadata.name === 'troupe-scaler'),
    ).toBe(true);
  });

  it('by demand from nothing is pushed, and says what counts', () => {
    const objects = objectsWith({ scaling: { kind: 'keda', min: 0, max: 4, queues: ['a', 'b'], handlers: ['x.y'] } });
    expect(theOnly(ofKind(objects, 'ScaledObject')).spec['triggers']).toEqual([
      expect.objectContaining({
        type: 'external-push',
        metadata: expect.objectContaining({ queues: 'a,b', handlers: 'x.y' }) as unknown,
      }),
    ]);
  });

  it('by demand needs no certificate where a mesh has them', () => {
    const objects = objectsWith({ scaling: { kind: 'keda', max: 4 } }, { tls: 'mesh' });
    expect(objects.some(({ kind }) => kind === 'TriggerAuthentication')).toBe(false);
    expect(theOnly(ofKind(objects, 'ScaledObject')).spec['triggers']).toEqual([
      expect.not.objectContaining({ authenticationRef: expect.anything() as unknown }),
    ]);
  });

  it('without KEDA leaves the scaler shut', () => {
    const objects = objectsWith({ scaling: { kind: 'hpa-cpu', min: 2, max: 4 } });
    expect(JSON.stringify(objects)).not.toContain('50061');
  });
});

describe('a class whose pods say how busy they are', () => {
  const objects = appObjects(
    kubernetesEnvironment({
      ...base,
      network: { kubernetesApi: { to: [{ kind: 'addresses', cidr: '10.9.0.1/32' }] } },
      workers: [{ ...general, podDeletionCost: true }],
    }),
  );

  it('may patch pods and nothing else, and reach the API', () => {
    expect(theOnly(objects.filter(({ kind }) => kind === 'Role')).rules).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['patch'] },
    ]);
    expect(theOnly(objects.filter(({ kind }) => kind === 'RoleBinding'))).toMatchObject({
      roleRef: { kind: 'Role', name: 'troupe-pod-deletion-cost' },
      subjects: [{ kind: 'ServiceAccount', name: 'troupe-workers-general', namespace: 'troupe' }],
    });
    const policies = ofKind(objects, 'NetworkPolicy').map(({ metadata }) => metadata.name);
    expect(policies).toContain('workers-to-kubernetes-api-from-general');
  });
});

describe('a class of workers that is blue and green', () => {
  const twoTracks = (serving: readonly string[], scaling: object = { kind: 'keda', min: 2, max: 9 }) =>
    objectsWith({
      scaling,
      rollout: { kind: 'blue-green', blue: base.image, green: image, serving, standbyReplicas: 1 },
    });
  const held = (objects: readonly KubernetesObject[]) =>
    Object.fromEntries(
      ofKind(objects, 'ScaledObject').map(({ metadata }) => [
        metadata.name,
        metadata.annotations?.['autoscaling.keda.sh/paused-replicas'],
      ]),
    );

  it('is two Deployments, each with its image and counted as a class of its own', () => {
    const objects = twoTracks(['blue']);
    const workers = ofKind(objects, 'Deployment').filter(({ metadata }) => metadata.name.includes('workers'));
    expect(workers.map(({ metadata, spec }) => [metadata.name, spec.template.spec?.containers[0]?.image])).toEqual([
      ['troupe-workers-general-blue', 'registry.example.com/troupe:0.1.0'],
      ['troupe-workers-general-green', 'registry.example.com/troupe:2.0.0'],
    ]);
    const classes = objects
      .filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.includes('workers'))
      .map(({ data }) => (parse(data?.['troupe.config.yaml'] ?? '') as { workers: { class: string } }).workers.class);
    expect(classes).toEqual(['general-blue', 'general-green']);
  });

  it('holds the track that stands by, and no other, without naming replicas', () => {
    expect(held(twoTracks(['blue']))).toEqual({
      'troupe-workers-general-blue': undefined,
      'troupe-workers-general-green': '1',
    });
    expect(held(twoTracks(['blue', 'green']))).toEqual({
      'troupe-workers-general-blue': undefined,
      'troupe-workers-general-green': undefined,
    });
    expect(held(twoTracks(['green']))['troupe-workers-general-blue']).toBe('1');
  });

  it('has fixed numbers where nothing scales it', () => {
    const replicas = ofKind(twoTracks(['green'], { kind: 'none', replicas: 5 }), 'Deployment')
      .filter(({ metadata }) => metadata.name.includes('workers'))
      .map(({ spec }) => spec.replicas);
    expect(replicas).toEqual([1, 5]);
  });
});

describe('a canary of the gateways', () => {
  const route = { gateway: 'public', gatewayNamespace: 'gateways', hostname: 'jobs.example.com' };
  const objects = objectsWith(
    {},
    { route, rollout: { kind: 'canary', steps: [{ trafficPercent: 5, pauseMinutes: 3 }] } },
  );

  it('is a Rollout with its pods in it, which moves the weights of the route', () => {
    const { spec } = theOnly(ofKind(objects, 'Rollout'));
    expect(spec.template.spec?.containers).toHaveLength(1);
    expect(spec.strategy.canary).toMatchObject({
      stableService: 'troupe-gateway',
      canaryService: 'troupe-gateway-canary',
      trafficRouting: { plugins: { 'argoproj-labs/gatewayAPI': { grpcRoute: 'troupe-gateway', namespace: 'troupe' } } },
      steps: [{ setWeight: 5 }, { pause: { duration: '3m' } }],
    });
    const services = ofKind(objects, 'Service').map(({ metadata }) => metadata.name);
    expect(services).toEqual(expect.arrayContaining(['troupe-gateway', 'troupe-gateway-canary']));
  });

  it('is scaled as a Rollout', () => {
    expect(theOnly(ofKind(objects, 'HorizontalPodAutoscaler')).spec.scaleTargetRef).toEqual({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      name: 'troupe-gateway',
    });
  });

  it('is probed by grpc.health.v1 only where the kubelet can ask it', () => {
    const mesh = objectsWith({}, { tls: 'mesh' });
    const readiness = (of: readonly KubernetesObject[]) =>
      [...ofKind(of, 'Deployment'), ...ofKind(of, 'Rollout')].find(({ metadata }) => metadata.name === 'troupe-gateway')
        ?.spec.template.spec?.containers[0]?.readinessProbe;
    expect(readiness(mesh)?.grpc).toEqual({ port: 50_051, service: 'troupe.v1.Jobs' });
    expect(readiness(objects)?.httpGet).toEqual({ path: '/readyz', port: 'http' });
  });
});
