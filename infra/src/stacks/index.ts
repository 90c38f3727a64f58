/** Which stacks an environment has. Stacks share configuration, never values of one another's state. */
import type { App } from '../cdk.ts';
import type { Environment } from '../config/environment.ts';
import { addAppStack } from './app.ts';
import { LocalDockerStack } from './local-docker.ts';

/** Adds the stacks of one environment to the app. */
export function addStacks(app: App, environment: Environment): void {
  switch (environment.kind) {
    case 'local':
      return;
    case 'docker':
      new LocalDockerStack(app, environment);
      return;
    case 'kubernetes':
      addAppStack(app, environment);
      return;
  }
}
