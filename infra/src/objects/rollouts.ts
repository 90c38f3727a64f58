/**
 * The gateways as an Argo Rollout. A new version gets a share of the calls, step by step, by the weights of the
 * GRPCRoute. The pod template is embedded and does not refer to a Deployment (`workloadRef`), because autoscalers
 * support only an embedded one. To roll back at once, run `kubectl argo rollouts abort troupe-gateway`, and then set
 * the former image in the environment.
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type KubernetesObject, metadata } from './kubernetes-object.ts';
import { gatewayServices } from './names.ts';
import { type PodParts, podTemplate } from './pods.ts';

/** After the weights have changed, calls on the old pods may still end. */
const scaleDownDelaySeconds = 60;

export function canaryRollout(environment: KubernetesEnvironment, name: string, parts: PodParts): KubernetesObject {
  const { rollout } = environment.gateway;
  const steps = rollout.kind === 'canary' ? rollout.steps : [];
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: metadata(environment, 'gateway', name),
    spec: {
      selector: { matchLabels: parts.selector },
      minReadySeconds: 5,
      revisionHistoryLimit: 5,
      strategy: {
        canary: {
          stableService: gatewayServices.virtual,
          canaryService: gatewayServices.canary,
          scaleDownDelaySeconds,
          trafficRouting: {
            plugins: { 'argoproj-labs/gatewayAPI': { grpcRoute: name, namespace: environment.namespace } },
          },
          steps: steps.flatMap(({ trafficPercent, pauseMinutes }) => [
            { setWeight: trafficPercent },
            { pause: { duration: `${pauseMinutes}m` } },
          ]),
        },
      },
      template: podTemplate(environment, parts),
    },
  };
}
