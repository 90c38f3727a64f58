/** The shard nodes: a fixed number, replaced one at a time. Each new node serves before an old one is removed. */
import type { DeploymentSpec } from 'kubernetes-types/apps/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { fingerprint } from '../lib/fingerprint.ts';
import { configMap, shardsSettings } from './configuration.ts';
import { type KubernetesObject, metadata, selectorLabels } from './kubernetes-object.ts';
import { lifetimeOf } from './lifetime.ts';
import { cassandraProjections, configProjection, natsProjections, objectsProjections } from './mounts.ts';
import { ports } from './names.ts';
import { livenessProbe, podTemplate, readinessProbe, startupProbe } from './pods.ts';
import { disruptionBudget, priorityClassName, serviceAccount } from './workload.ts';

const component = 'shards';
const name = 'troupe-shards';

/** Time for a new node to take its share of the shards before the next node is replaced. */
const minReadySeconds = 10;

export function shardsObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { replicas, cpuMilli, memoryMb, drainSeconds } = environment.shards;
  const selector = selectorLabels(environment, component);
  const lifetime = lifetimeOf(drainSeconds, { served: false });
  const settings = configMap(environment, component, name, shardsSettings(environment, lifetime.graceMs));
  const spec: DeploymentSpec = {
    replicas,
    selector: { matchLabels: { ...selector } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    minReadySeconds,
    revisionHistoryLimit: 5,
    template: podTemplate(environment, {
      component,
      name,
      image: environment.image,
      command: 'serve',
      role: 'shards',
      labels: {},
      selector,
      fingerprint: fingerprint(settings.data),
      files: [
        configProjection(name),
        ...natsProjections('shards'),
        ...cassandraProjections(environment, 'shards'),
        ...objectsProjections(environment),
      ],
      ports: { http: ports.http },
      probes: { startupProbe, livenessProbe, readinessProbe },
      resources: { cpuMilli, memoryMb },
      lifetime,
      priorityClassName: priorityClassName(environment, 'shards'),
      placement: environment.shards,
      revisionLabel: 'pod-template-hash',
    }),
  };
  return [
    serviceAccount(environment, component, name),
    settings,
    disruptionBudget(environment, component, { name, selector, maxUnavailable: 1 }),
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(environment, component, name), spec },
  ];
}
