/** The NATS of an environment. Its volumes stay when the stack is destroyed. Troupe can rebuild what was on them. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { HelmRelease } from '../lib/helm-release.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { messagingObjects, natsChart } from '../objects/nats.ts';

/** Returns undefined if NATS is run elsewhere. */
export function addMessagingStack(app: App, environment: KubernetesEnvironment): KubernetesStack | undefined {
  const chart = natsChart(environment);
  if (chart === undefined) return undefined;
  const stack = new KubernetesStack(app, 'messaging', environment);
  stack.addHelm();
  // Created before the servers: the certificates and passwords that these need, and the policies that close their
  // ports.
  const objects = stack.addObjects(messagingObjects(environment));
  new HelmRelease(stack, 'nats', chart, objects);
  return stack;
}
