/** Troupe itself on Kubernetes: gateways, shard nodes, workers, and their supporting objects. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { appObjects } from '../objects/app.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';

export function addAppStack(app: App, environment: KubernetesEnvironment): KubernetesStack {
  const stack = new KubernetesStack(app, 'app', environment);
  const canary = environment.gateway.rollout.kind === 'canary';
  stack.addObjects(appObjects(environment), { ignoreFields: (object) => (canary ? movedByArgo(object) : []) });
  return stack;
}

/** Fields that Argo Rollouts changes during a canary. A difference in them is not drift. */
function movedByArgo({ kind }: KubernetesObject): readonly string[] {
  return kind === 'GRPCRoute' ? ['spec.rules'] : [];
}
