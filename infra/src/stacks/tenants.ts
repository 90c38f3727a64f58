/** `cdktf deploy tenants-<environment>`: the tenants that an environment declares. */
import { type App, TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { addBackend } from '../lib/backend.ts';
import { TroupeTenants, type TroupeTenantsOptions } from '../queues/troupe-tenants.ts';

/** Returns undefined if the environment declares no tenants. */
export function addTenantsStack(
  app: App,
  environment: KubernetesEnvironment,
  options: Pick<TroupeTenantsOptions, 'driftOf'> = {},
): TerraformStack | undefined {
  if (environment.tenants === undefined) return undefined;
  const { declared: tenants, gateway } = environment.tenants;
  const name = `tenants-${environment.name}`;
  const stack = new TerraformStack(app, name);
  addBackend(stack, name, environment.state);
  new TroupeTenants(stack, 'tenants', { gateway, tenants, ...options });
  return stack;
}
