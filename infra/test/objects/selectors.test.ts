import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appObjects } from '../../src/objects/app.ts';
import type { KubernetesEnvironment } from '../../src/config/environment.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { environments } from '../support/kubernetes-environments.ts';
import { allPods, ofKind, selected } from '../support/objects.ts';

function everyEnvironment(
  check: (objects: readonly KubernetesObject[], environment: KubernetesEnvironment) => void,
): void {
  fc.assert(
    fc.property(environments, (environment) => {
      check(appObjects(environment), environment);
    }),
    { numRuns: 50 },
  );
}

const clusterWide = ['PriorityClass'];

describe('the objects of the app stack', () => {
  it('all have a namespace, where their kind has one, and the standard labels', () => {
    everyEnvironment((objects, environment) => {
      for (const { kind, metadata } of objects) {
        expect(metadata.namespace).toBe(clusterWide.includes(kind) ? undefined : environment.namespace);
        expect(metadata.labels).toMatchObject({
          'app.kubernetes.io/name': 'troupe',
          'app.kubernetes.io/instance': environment.name,
          'app.kubernetes.io/part-of': 'troupe',
          'app.kubernetes.io/managed-by': 'cdktf',
        });
        expect(metadata.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      }
    });
  });

  it('are told apart by kind and name', () => {
    everyEnvironment((objects) => {
      const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
    });
  });

  it('select the pods they are for and no others', () => {
    everyEnvironment((objects) => {
      const pods = allPods(objects);
      for (const { metadata, spec } of [...ofKind(objects, 'Deployment'), ...ofKind(objects, 'Rollout')]) {
        expect(selected(spec.selector, pods)).toEqual([metadata.name]);
      }
      for (const { metadata, spec } of ofKind(objects, 'PodDisruptionBudget')) {
        expect(selected(spec.selector ?? {}, pods)).toEqual([metadata.name]);
      }
      for (const { spec } of ofKind(objects, 'Service')) {
        expect(selected({ matchLabels: spec.selector ?? {} }, pods)).toEqual(['troupe-gateway']);
      }
    });
  });

  it('send Services to ports that the pods have', () => {
    everyEnvironment((objects) => {
      const gateway = allPods(objects).find(({ owner }) => owner.metadata.name === 'troupe-gateway');
      const ports = new Map(gateway?.container.ports?.map(({ name, containerPort }) => [name, containerPort]));
      for (const { spec } of ofKind(objects, 'Service')) {
        for (const { port, targetPort } of spec.ports ?? []) expect(ports.get(String(targetPort))).toBe(port);
      }
    });
  });

  it('budget every workload that goes on, and never forbid that a machine is drained', () => {
    everyEnvironment((objects) => {
      const budgets = ofKind(objects, 'PodDisruptionBudget');
      const workloads = allPods(objects).filter(({ owner }) => owner.kind !== 'Job');
      expect(budgets.map(({ metadata }) => metadata.name).toSorted()).toEqual(
        workloads.map(({ owner }) => owner.metadata.name).toSorted(),
      );
      for (const { spec } of budgets) {
        expect(['25%', 1]).toContain(spec.maxUnavailable);
        expect(spec).toMatchObject({ unhealthyPodEvictionPolicy: 'AlwaysAllow' });
        expect(spec.minAvailable).toBeUndefined();
      }
    });
  });

  it('give each workload a priority class that is among them', () => {
    everyEnvironment((objects) => {
      const classes = objects.filter(({ kind }) => kind === 'PriorityClass').map(({ metadata }) => metadata.name);
      for (const { spec } of allPods(objects)) expect(classes).toContain(spec.priorityClassName);
    });
  });
});
