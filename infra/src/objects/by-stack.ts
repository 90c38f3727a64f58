/** The objects of an environment, grouped by the stack that applies them. `npm run infra:render` prints these. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { appObjects } from './app.ts';
import { dataObjects } from './cassandra.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { messagingObjects } from './nats.ts';
import { observabilityObjects } from './observability.ts';
import { platformObjects } from './platform.ts';

export function objectsByStack(environment: KubernetesEnvironment): ReadonlyMap<string, readonly KubernetesObject[]> {
  return new Map([
    ['platform', platformObjects(environment)],
    ['messaging', messagingObjects(environment)],
    ['data', dataObjects(environment)],
    ['app', appObjects(environment)],
    ['observability', observabilityObjects(environment)],
  ]);
}
