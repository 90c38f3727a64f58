import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { appObjects } from '../../src/objects/app.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { natsLoginSecrets, secretNames, storeLoginSecrets } from '../../src/objects/names.ts';
import { environments } from '../support/kubernetes-environments.ts';
import { allPods, type Pods, variable } from '../support/objects.ts';

interface TroupeSettings {
  readonly roles?: readonly string[];
  readonly handlers?: { readonly env: readonly string[] };
  readonly shutdown?: { readonly graceMs: number };
  readonly workers?: {
    readonly cells: number;
    readonly memoryMb: number;
    readonly memoryMaxMb: number;
    readonly cellRssMaxMb: number;
  };
}

/** troupe.config.yaml of a workload. */
function settingsOf({ spec }: Pods, objects: readonly KubernetesObject[]): TroupeSettings {
  const name = spec.volumes?.[0]?.projected?.sources?.find(({ configMap }) => configMap)?.configMap?.name;
  const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  return parse(map?.data?.['troupe.config.yaml'] ?? '') as TroupeSettings;
}

function everyPod(check: (pods: Pods, objects: readonly KubernetesObject[]) => void): void {
  fc.assert(
    fc.property(environments, (environment) => {
      const objects = appObjects(environment);
      for (const pods of allPods(objects)) check(pods, objects);
    }),
    { numRuns: 50 },
  );
}

const mebibytes = (quantity: string | undefined): number => Number(/^(\d+)Mi$/.exec(quantity ?? '')?.[1]);

describe('every pod', () => {
  it('is restricted as the Pod Security Standards ask', () => {
    everyPod(({ spec, container }) => {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(spec.securityContext?.runAsUser).toBeGreaterThan(0);
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect([spec.hostNetwork, spec.hostPID, spec.hostIPC, spec.initContainers]).toEqual(Array(4).fill(undefined));
      const allowed = ['configMap', 'emptyDir', 'projected', 'secret'];
      for (const { name, ...volume } of spec.volumes ?? []) expect(allowed, name).toContain(Object.keys(volume)[0]);
    });
  });

  it('has an account of its own, and a token only where the class asks for one and is given a right with it', () => {
    everyPod(({ spec }, objects) => {
      expect(spec.automountServiceAccountToken).toBe(false);
      const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
      const hasToken = sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined);
      const granted = objects.flatMap(({ kind, subjects }) => (kind === 'RoleBinding' ? (subjects ?? []) : []));
      const isGranted = granted.some((subject) => 'name' in subject && subject.name === spec.serviceAccountName);
      expect(hasToken).toBe(isGranted);
      const account = objects.find(
        ({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === spec.serviceAccountName,
      );
      expect(account?.automountServiceAccountToken).toBe(false);
    });
  });

  it('mounts every volume that it has, and has every volume that it mounts', () => {
    everyPod(({ spec, container }) => {
      const mounts = container.volumeMounts ?? [];
      expect(mounts.map(({ name }) => name).toSorted()).toEqual(spec.volumes?.map(({ name }) => name).toSorted());
      expect(new Set(mounts.map(({ mountPath }) => mountPath)).size).toBe(mounts.length);
    });
  });

  it('takes from Secrets only what their names and keys promise', () => {
    const keys = new Map<string, readonly string[]>(
      [secretNames, natsLoginSecrets, storeLoginSecrets]
        .flatMap(Object.values<{ name: string; keys: readonly string[] }>)
        .map(({ name, keys }) => [name, keys]),
    );
    everyPod((pods, objects) => {
      const { spec, container } = pods;
      const files = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
      const used = [
        ...files.flatMap(({ secret }) => (secret?.items ?? []).map(({ key }) => [secret?.name, key] as const)),
        ...(container.env ?? []).flatMap(({ valueFrom }) =>
          valueFrom?.secretKeyRef ? [[valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key] as const] : [],
        ),
      ];
      expect(used.length).toBeGreaterThan(0);
      for (const [name, key] of used) expect(keys.get(name ?? ''), name).toContain(key);
      // A value that is written into the manifest is in the state of terraform: only those that the class writes out for its handlers.
      const written = container.env?.filter(({ value }) => value !== undefined) ?? [];
      expect(written.map(({ name }) => name)).toEqual(settingsOf(pods, objects).handlers?.env ?? []);
      expect(container.envFrom).toBeUndefined();
    });
  });

  it('has more time to end than its process takes', () => {
    everyPod((pods, objects) => {
      const { spec, container } = pods;
      const graceMs = settingsOf(pods, objects).shutdown?.graceMs;
      if (graceMs === undefined) return;
      const preStopSeconds = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
      // 15 s: docs/operating/rolling-deploys.md.
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(preStopSeconds + graceMs / 1_000 + 15);
    });
  });

  it('asks for what it is limited to', () => {
    everyPod(({ container }) => {
      expect(container.resources?.requests).toEqual(container.resources?.limits);
      expect(Object.keys(container.resources?.limits ?? {})).toEqual(['cpu', 'memory']);
    });
  });

  it('has probes on ports that it has, unless it ends by itself', () => {
    everyPod(({ owner, container }) => {
      const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
      if (owner.kind === 'Job') {
        expect(probes).toEqual([undefined, undefined, undefined]);
        return;
      }
      const ports = container.ports?.flatMap(({ name, containerPort }) => [name, containerPort]) ?? [];
      for (const probe of probes) expect(ports).toContain(probe?.httpGet?.port ?? probe?.grpc?.port);
    });
  });

  it('is spread over zones and machines by labels that it has', () => {
    everyPod(({ labels, spec }) => {
      const constraints = spec.topologySpreadConstraints ?? [];
      expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
        'topology.kubernetes.io/zone',
        'kubernetes.io/hostname',
      ]);
      for (const { labelSelector } of constraints) {
        expect(labels).toMatchObject(labelSelector?.matchLabels ?? { none: 'at all' });
      }
    });
  });

  it('is called as a node of Troupe may be called', () => {
    everyPod(({ owner, ...pods }) => {
      if (owner.kind === 'Job') return;
      expect(variable({ owner, ...pods }, 'TROUPE_NODE_ID')).toEqual({
        fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' },
      });
      // The hash of the revision (at most 10) and of the pod (5) follow.
      expect(`${owner.metadata.name}-${'0'.repeat(10)}-${'0'.repeat(5)}`).toMatch(/^[a-z0-9-]{1,63}$/);
    });
  });
});

describe('a worker pod', () => {
  const everyWorker = (check: (pods: Pods, settings: NonNullable<TroupeSettings['workers']>) => void): void => {
    everyPod((pods, objects) => {
      const { workers } = settingsOf(pods, objects);
      if (workers !== undefined) check(pods, workers);
    });
  };

  it('has a thread for each core of its limit, which is whole', () => {
    everyWorker((pods) => {
      expect(variable(pods, 'TROUPE_WORKERS_THREADS')).toEqual({
        resourceFieldRef: { containerName: pods.container.name, resource: 'limits.cpu', divisor: '1' },
      });
      expect(pods.container.resources?.limits?.['cpu']).toMatch(/^\d+$/);
    });
  });

  it('has memory for the heaps of all threads, and its cells stay within it', () => {
    everyWorker(({ container }, { cells, memoryMb, memoryMaxMb, cellRssMaxMb }) => {
      const limits = container.resources?.limits;
      const threads = Number(limits?.['cpu']);
      const podMb = mebibytes(limits?.['memory']);
      expect(podMb).toBeGreaterThan(threads * memoryMb);
      expect(cells * cellRssMaxMb).toBeLessThan(podMb);
      expect(cellRssMaxMb).toBeGreaterThan((Math.ceil(threads / cells) - 1) * memoryMb + memoryMaxMb);
      expect(cellRssMaxMb).toBeGreaterThanOrEqual(256);
    });
  });
});
