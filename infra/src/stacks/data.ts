/** The Cassandra ring of an environment, with its own state, so that a change of the ring touches nothing else. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { dataObjects, holdsData } from '../objects/cassandra.ts';

/** Returns undefined if the ring is run elsewhere. */
export function addDataStack(app: App, environment: KubernetesEnvironment): KubernetesStack | undefined {
  if (environment.data.kind === 'external') return undefined;
  const stack = new KubernetesStack(app, 'data', environment);
  stack.addObjects(dataObjects(environment), { preventDestroy: holdsData });
  return stack;
}
