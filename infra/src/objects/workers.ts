/**
 * The worker classes. A class is one Deployment with rolling updates, or two (`blue-green`). Each track then has its
 * own image and counts as a separate class. Serving tracks are scaled by demand, and the other track has its standby
 * replicas.
 */
import type { DeploymentSpec } from 'kubernetes-types/apps/v1.d.ts';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { Image } from '../config/primitives.ts';
import { podMemoryMb } from '../config/worker-memory.ts';
import type { Track, WorkerClassConfig } from '../config/workloads.ts';
import { fingerprint } from '../lib/fingerprint.ts';
import { configMap, workersSettings } from './configuration.ts';
import { deletionCostRights, ownPod } from './deletion-cost.ts';
import {
  type KubernetesObject,
  type Labels,
  metadata,
  selectorLabels,
  trackLabel,
  workerClassLabel,
} from './kubernetes-object.ts';
import { lifetimeOf } from './lifetime.ts';
import {
  cassandraProjections,
  configProjection,
  encryptionProjections,
  natsProjections,
  objectsProjections,
} from './mounts.ts';
import { ports } from './names.ts';
import { livenessProbe, podTemplate, readinessProbe, startupProbe } from './pods.ts';
import { cpuAutoscaler, demandScaler, kedaTrust } from './scaling.ts';
import { disruptionBudget, priorityClassName, serviceAccount } from './workload.ts';

const component = 'workers';

/** One Deployment of a class. */
interface Line {
  readonly workers: WorkerClassConfig;
  /** The class as Troupe knows it: the name of the class or of the track. */
  readonly workerClass: string;
  readonly labels: Labels;
  readonly image: Image;
  /** Replicas of a track that stands by. Absent if the track serves. */
  readonly standbyReplicas?: number;
}

export function workersObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const lines = environment.workers.flatMap((workers) => linesOf(environment, workers));
  const byDemand = environment.workers.some(({ scaling }) => scaling.kind === 'keda');
  const counting = lines.filter(({ workers }) => workers.podDeletionCost);
  return [
    ...(byDemand ? kedaTrust(environment) : []),
    ...deletionCostRights(
      environment,
      counting.map(({ workerClass }) => nameOf(workerClass)),
    ),
    ...lines.flatMap((line) => lineObjects(environment, line)),
  ];
}

/** Name of the Deployment of a class or track, and of its related objects. */
function nameOf(workerClass: string): string {
  return `troupe-workers-${workerClass}`;
}

function linesOf(environment: KubernetesEnvironment, workers: WorkerClassConfig): readonly Line[] {
  const { name, rollout } = workers;
  const labels = { [workerClassLabel]: name };
  switch (rollout.kind) {
    case 'rolling':
      return [{ workers, workerClass: name, labels, image: workers.image ?? environment.image }];
    case 'blue-green':
      return (['blue', 'green'] as const satisfies readonly Track[]).map((track) => ({
        workers,
        workerClass: `${name}-${track}`,
        labels: { ...labels, [trackLabel]: track },
        image: rollout[track],
        ...(!rollout.serving.includes(track) && { standbyReplicas: rollout.standbyReplicas }),
      }));
  }
}

function lineObjects(environment: KubernetesEnvironment, line: Line): readonly KubernetesObject[] {
  const { workers, workerClass, labels } = line;
  const name = nameOf(workerClass);
  const selector = { ...selectorLabels(environment, component), ...labels };
  const lifetime = lifetimeOf(workers.drainSeconds, { served: false });
  const settings = configMap(
    environment,
    component,
    name,
    workersSettings(environment, workers, { name: workerClass, graceMs: lifetime.graceMs }),
  );
  const replicas = fixedReplicas(line);
  const spec: DeploymentSpec = {
    ...(replicas !== undefined && { replicas }),
    selector: { matchLabels: selector },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    minReadySeconds: 5,
    revisionHistoryLimit: 5,
    template: podTemplate(environment, {
      component,
      name,
      image: line.image,
      command: 'serve',
      role: 'workers',
      labels,
      selector,
      fingerprint: fingerprint(settings.data),
      files: [
        configProjection(name),
        ...natsProjections('workers'),
        ...cassandraProjections(environment, 'workers'),
        ...objectsProjections(environment),
        ...encryptionProjections(environment),
      ],
      env: [threadsOfLimit, ...(workers.podDeletionCost ? ownPod : []), ...handlerVariables(workers)],
      apiToken: workers.podDeletionCost,
      ports: { http: ports.http },
      probes: { startupProbe, livenessProbe, readinessProbe },
      resources: { cpuMilli: workers.cores * 1_000, memoryMb: podMemoryMb(workers) },
      lifetime,
      priorityClassName: priorityClassName(environment, 'workers'),
      placement: workers,
      revisionLabel: 'pod-template-hash',
      handlerSecrets: workers.secrets,
      scratchGb: workers.scratchGb,
    }),
  };
  const deployment: KubernetesObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(environment, component, name, { labels }),
    spec,
  };
  return [
    serviceAccount(environment, component, name),
    settings,
    disruptionBudget(environment, component, { name, selector, maxUnavailable: '25%' }),
    deployment,
    ...autoscaler(environment, line, deployment),
  ];
}

/** One thread per core of the CPU limit, which Kubernetes passes to the container. */
const threadsOfLimit = {
  name: 'TROUPE_WORKERS_THREADS',
  valueFrom: { resourceFieldRef: { containerName: 'troupe', resource: 'limits.cpu', divisor: '1' } },
};

/**
 * Variables for the handlers of a class. Kubernetes expands `$(NAME)` in values and reads `$$` as `$`, so `$` is
 * escaped.
 */
function handlerVariables({ env }: WorkerClassConfig): readonly EnvVar[] {
  return Object.entries(env).map(([name, value]) => ({ name, value: value.replaceAll('$', '$$$$') }));
}

/** Undefined if an autoscaler decides. */
function fixedReplicas({ workers: { scaling }, standbyReplicas }: Line): number | undefined {
  return scaling.kind === 'none' ? (standbyReplicas ?? scaling.replicas) : undefined;
}

function autoscaler(
  environment: KubernetesEnvironment,
  { workers: { scaling, cores }, workerClass, labels, standbyReplicas }: Line,
  target: KubernetesObject,
): readonly KubernetesObject[] {
  const { name } = target.metadata;
  switch (scaling.kind) {
    case 'keda': {
      const { min, max, queues, handlers, fallback = Math.max(min, 1) } = scaling;
      const held = standbyReplicas !== undefined && { heldAt: standbyReplicas };
      const demand = { workerClass, slotsPerPod: cores, queues, handlers, fallback, ...held };
      return [demandScaler(environment, { component, name, labels, target, min, max, ...demand })];
    }
    case 'hpa-cpu':
      return [cpuAutoscaler(environment, { component, name, labels, target, ...scaling })];
    case 'none':
      return [];
  }
}
