/** `cdktf deploy queues-<environment>`: the queues that an environment declares. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, LocalBackend, TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { LocalConfig } from '../config/machine.ts';
import { addBackend } from '../lib/backend.ts';
import { TroupeQueues, type TroupeQueuesOptions } from '../queues/troupe-queues.ts';

const infraDir = fileURLToPath(new URL('../../', import.meta.url));

type QueuesOptions = Pick<TroupeQueuesOptions, 'driftOf'>;

/** Returns undefined if the environment declares no queues. */
export function addLocalQueues(app: App, config: LocalConfig, options: QueuesOptions = {}): TerraformStack | undefined {
  if (config.queues === undefined) return undefined;
  const { declared: queues, gateway = { address: `127.0.0.1:${config.ports.gateway}` } } = config.queues;
  const stack = new TerraformStack(app, `queues-${config.name}`);
  new LocalBackend(stack, { path: `${resolve(infraDir, config.dataDir)}/queues.tfstate` });
  new TroupeQueues(stack, 'queues', { gateway, queues, ...options });
  return stack;
}

/** Returns undefined if the environment declares no queues. */
export function addQueuesStack(
  app: App,
  environment: KubernetesEnvironment,
  options: QueuesOptions = {},
): TerraformStack | undefined {
  if (environment.queues === undefined) return undefined;
  const { declared: queues, gateway } = environment.queues;
  const name = `queues-${environment.name}`;
  const stack = new TerraformStack(app, name);
  addBackend(stack, name, environment.state);
  new TroupeQueues(stack, 'queues', { gateway, queues, ...options });
  return stack;
}
