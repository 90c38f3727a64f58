/** Troupe itself on Kubernetes: gateways, shard nodes, workers, and what surrounds them. */
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

/** Where Argo Rollouts is at work: what it moves is no drift. */
function movedByArgo({ kind }: KubernetesObject): readonly string[] {
  return kind === 'GRPCRoute' ? ['spec.rules'] : [];
}
