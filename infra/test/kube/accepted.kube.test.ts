/**
 * Every object of every environment that comes with Troupe, and of the one that these tests deploy, is what the API
 * server takes: a server-side apply that changes nothing (`--dry-run=server`), with unknown fields refused, and without
 * a warning, such as of a pod that is not as restricted as its namespace asks.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type KubernetesEnvironment, parseEnvironment } from '../../src/config/environment.ts';
import { loadEnvironments } from '../../src/config/load.ts';
import { objectsByStack } from '../../src/objects/by-stack.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { kubeEnvironment } from './environments.ts';
import { useControlPlane } from './fixture.ts';
import { unservedDefinitions } from './versions.ts';

const apply = ['apply', '--server-side', '-f', '-'];
const dryRun = [...apply, '--dry-run=server', '--validate=strict', '--warnings-as-errors', '-o', 'name'];
const folder = fileURLToPath(new URL('../../environments', import.meta.url));

const parsed = [
  ...(await loadEnvironments(folder)),
  parseEnvironment('the environment of these tests', kubeEnvironment('~/.kube/config')),
];
const environments = parsed.filter(
  (environment): environment is KubernetesEnvironment => environment.kind === 'kubernetes',
);

function objectsOf(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return [...objectsByStack(environment).values()].flat();
}

function listOf(items: readonly object[]): object {
  return { apiVersion: 'v1', kind: 'List', items };
}

function restrictedNamespace(name: string): object {
  const labels = { 'pod-security.kubernetes.io/warn': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

describe('the API server', () => {
  const plane = useControlPlane({
    extent: 'server',
    needs: [],
    prepare: async ({ kubectl }) => {
      const objects = environments.flatMap(objectsOf);
      const names = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []));
      await kubectl(apply, listOf([...names].map(restrictedNamespace)));
    },
  });

  for (const environment of environments) {
    for (const [kind = '', objects = []] of Object.entries(
      Object.groupBy(objectsOf(environment), (each) => each.kind),
    )) {
      it(`takes ${objects.length} ${kind} of ${environment.name}`, async ({ skip }) => {
        const group = objects[0]?.apiVersion.split('/')[0];
        const unserved = unservedDefinitions.find((each) => each.group === group);
        skip(unserved !== undefined, unserved?.reason);
        const taken = await plane().kubectl(dryRun, listOf(objects));
        expect(taken.trim().split('\n')).toHaveLength(objects.length);
      });
    }
  }

  it.each(['ScaledObject', 'Deployment', 'GRPCRoute'])(
    'refuses a %s with a field that does not exist, by its name',
    async (kind) => {
      const object = environments.flatMap(objectsOf).find((each) => each.kind === kind);
      if (object === undefined) throw new Error(`no environment has a ${kind}`);
      const bogus = { ...object, spec: { ...(object.spec as object), bogus: 1 } };
      await expect(plane().kubectl(dryRun, bogus)).rejects.toThrow(/bogus/);
    },
  );

  it('warns of pods that are not restricted', async () => {
    const object = environments.flatMap(objectsOf).find(({ kind }) => kind === 'Deployment');
    const metadata = { ...object?.metadata, name: 'loose', labels: { app: 'loose' } };
    const template = { metadata, spec: { containers: [{ name: 'loose', image: 'loose' }] } };
    const loose = { ...object, metadata, spec: { selector: { matchLabels: metadata.labels }, template } };
    await expect(plane().kubectl(dryRun, loose)).rejects.toThrow(/would violate PodSecurity "restricted/);
  });
});
