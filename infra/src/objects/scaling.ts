/**
 * Autoscalers. Their workloads do not set `replicas`, so applying a manifest never undoes scaling. All scale up fast
 * and down slowly: one pod per minute after five quiet minutes, because a pod that is removed has attempts to finish.
 */
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerSpec,
} from 'kubernetes-types/autoscaling/v2.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type Component, type KubernetesObject, type Labels, metadata } from './kubernetes-object.ts';
import { gatewayServices, ports, secretNames } from './names.ts';

const behavior: HorizontalPodAutoscalerBehavior = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 30 },
      { type: 'Pods', value: 4, periodSeconds: 30 },
    ],
  },
  scaleDown: {
    stabilizationWindowSeconds: 300,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
  },
};

interface Scaled {
  readonly component: Component;
  readonly name: string;
  readonly labels?: Labels;
  readonly target: KubernetesObject;
  readonly min: number;
  readonly max: number;
}

function targetOf({ apiVersion, kind, metadata: { name } }: KubernetesObject): {
  apiVersion: string;
  kind: string;
  name: string;
} {
  return { apiVersion, kind, name };
}

export function cpuAutoscaler(
  environment: KubernetesEnvironment,
  { component, name, labels, target, min, max, targetCpuPercent }: Scaled & { readonly targetCpuPercent: number },
): KubernetesObject {
  const spec: HorizontalPodAutoscalerSpec = {
    scaleTargetRef: targetOf(target),
    minReplicas: min,
    maxReplicas: max,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: targetCpuPercent } },
      },
    ],
    behavior,
  };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata(environment, component, name, { ...(labels && { labels }) }),
    spec,
  };
}

/** Name of the object with which KEDA verifies the scaler's certificate. */
const kedaAuthentication = 'troupe-scaler';

/** How KEDA verifies the gateways. Empty if they listen in plain text. */
export function kedaTrust(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  if (environment.gateway.tls === 'mesh') return [];
  return [
    {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'TriggerAuthentication',
      metadata: metadata(environment, 'workers', kedaAuthentication),
      spec: { secretTargetRef: [{ parameter: 'caCert', name: secretNames.gatewayTls.name, key: 'ca.crt' }] },
    },
  ];
}

/** Failed requests after which KEDA uses the fallback. */
const failureThreshold = 3;
const pollingSeconds = 15;
/** Time from the last demand to zero replicas, if `min` is 0. */
const cooldownSeconds = 300;

export interface DemandScaled extends Scaled {
  readonly workerClass: string;
  /** Threads per pod. */
  readonly slotsPerPod: number;
  readonly queues?: readonly string[] | undefined;
  readonly handlers?: readonly string[] | undefined;
  readonly fallback: number;
  /** Keeps this number of replicas, whatever the demand. */
  readonly heldAt?: number;
}

/** Scales by the demand that Troupe's scaler reports for the class. */
export function demandScaler(environment: KubernetesEnvironment, scaled: DemandScaled): KubernetesObject {
  const { component, name, labels, target, min, max, fallback, heldAt } = scaled;
  const { namespace, gateway } = environment;
  const secured = gateway.tls === 'certificate';
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: metadata(environment, component, name, {
      ...(labels && { labels }),
      ...(heldAt !== undefined && { annotations: { 'autoscaling.keda.sh/paused-replicas': String(heldAt) } }),
    }),
    spec: {
      scaleTargetRef: targetOf(target),
      minReplicaCount: min,
      maxReplicaCount: max,
      pollingInterval: pollingSeconds,
      cooldownPeriod: cooldownSeconds,
      fallback: { failureThreshold, replicas: fallback, behavior: 'currentReplicasIfHigher' },
      advanced: { horizontalPodAutoscalerConfig: { name, behavior } },
      triggers: [
        {
          // With `min: 0` the demand is pushed, so scaling up from zero takes a second and does not wait for the next
          // poll.
          type: min === 0 ? 'external-push' : 'external',
          metricType: 'AverageValue',
          metadata: {
            scalerAddress: `${gatewayServices.scaler}.${namespace}.svc.cluster.local:${ports.scaler}`,
            ...demandOf(scaled),
            ...(secured && { enableTLS: 'true' }),
          },
          ...(secured && { authenticationRef: { name: kedaAuthentication } }),
        },
      ],
    },
  };
}

/** Metadata keys as described in docs/operating/scaling.md. */
function demandOf({ workerClass, slotsPerPod, queues, handlers }: DemandScaled): Readonly<Record<string, string>> {
  return {
    workerClass,
    slotsPerPod: String(slotsPerPod),
    ...(queues && { queues: queues.join(',') }),
    ...(handlers && { handlers: handlers.join(',') }),
  };
}
