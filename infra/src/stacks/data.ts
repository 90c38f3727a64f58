/** The ring of an environment, in a state of its own: nothing else is touched by what changes it. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { dataObjects, holdsData } from '../objects/cassandra.ts';

/** Undefined: somebody else runs the ring. */
export function addDataStack(app: App, environment: KubernetesEnvironment): KubernetesStack | undefined {
  if (environment.data.kind === 'external') return undefined;
  const stack = new KubernetesStack(app, 'data', environment);
  stack.addObjects(dataObjects(environment), { preventDestroy: holdsData });
  return stack;
}
