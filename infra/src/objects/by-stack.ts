/** The objects of an environment by the stack that applies them: what `npm run infra:render` prints. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { appObjects } from './app.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

export function objectsByStack(environment: KubernetesEnvironment): ReadonlyMap<string, readonly KubernetesObject[]> {
  return new Map([['app', appObjects(environment)]]);
}
