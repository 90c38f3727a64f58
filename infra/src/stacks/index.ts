/** The stacks of an environment. Stacks share configuration and never read each other's state. */
import type { App } from '../cdk.ts';
import type { Environment, KubernetesEnvironment } from '../config/environment.ts';
import { addAppStack } from './app.ts';
import { AwsStack } from './aws.ts';
import { addDataStack } from './data.ts';
import { LocalDockerStack } from './local-docker.ts';
import { addMessagingStack } from './messaging.ts';
import { addObservabilityStack } from './observability.ts';
import { addPlatformStack } from './platform.ts';
import { addLocalQueues, addQueuesStack } from './queues.ts';
import { LocalStack } from './local.ts';
import { addTenantsStack } from './tenants.ts';

/** Adds the stacks of one environment to the app. */
export function addStacks(app: App, environment: Environment): void {
  switch (environment.kind) {
    case 'local':
      new LocalStack(app, environment);
      addLocalQueues(app, environment);
      return;
    case 'docker':
      new LocalDockerStack(app, environment);
      return;
    case 'kubernetes':
      addKubernetesStacks(app, environment);
      return;
  }
}

/** `cdktf deploy '*-production'` deploys the stacks in this order and destroys them in reverse. */
function addKubernetesStacks(app: App, environment: KubernetesEnvironment): void {
  const platform = addPlatformStack(app, environment);
  if (environment.aws !== undefined) platform.addDependency(new AwsStack(app, environment, environment.aws));
  const backing = [addMessagingStack(app, environment), addDataStack(app, environment)].filter(
    (stack) => stack !== undefined,
  );
  for (const stack of backing) stack.addDependency(platform);
  const troupe = addAppStack(app, environment);
  for (const stack of [platform, ...backing]) troupe.addDependency(stack);
  addObservabilityStack(app, environment).addDependency(troupe);
  addTenantsStack(app, environment)?.addDependency(troupe);
  addQueuesStack(app, environment)?.addDependency(troupe);
}
