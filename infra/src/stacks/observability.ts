/** Observability of an environment: monitors, rules, dashboards, a collector. Nothing depends on this stack. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { observabilityObjects } from '../objects/observability.ts';

export function addObservabilityStack(app: App, environment: KubernetesEnvironment): KubernetesStack {
  const stack = new KubernetesStack(app, 'observability', environment);
  stack.addObjects(observabilityObjects(environment));
  return stack;
}
