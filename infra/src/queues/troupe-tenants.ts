/**
 * Tenants as a construct: `new TroupeTenants(stack, 'tenants', { gateway, tenants })`. `troupe tenants apply` makes and changes
 * them through Troupe's API.
 *
 * - A tenant that is no longer declared stays, and so do all at a destroy: nobody loses jobs by a line that is missing. Delete one with
 *   `troupe tenants delete`.
 * - Manual changes are detected at synth and appear in the plan as a `mend`.
 */
import { Construct } from '../cdk.ts';
import { type QueueGateway, queueGatewaySchema } from '../config/queues.ts';
import { type DeclaredTenants, declaredTenantsSchema } from '../config/tenants.ts';
import { addApplied } from './applied.ts';
import { askDrift, type Drift } from './drift.ts';

export interface TroupeTenantsOptions {
  readonly gateway: QueueGateway;
  /** Tenants by name. The settings are described in docs/operating/tenants.md. */
  readonly tenants: DeclaredTenants;
  /** How existing tenants are compared with the declared ones. Default: asks the gateway. */
  readonly driftOf?: (gateway: QueueGateway, tenants: DeclaredTenants) => Drift;
}

export class TroupeTenants extends Construct {
  constructor(scope: Construct, id: string, options: TroupeTenantsOptions) {
    super(scope, id);
    const gateway = queueGatewaySchema.parse(options.gateway);
    const tenants = declaredTenantsSchema.parse(options.tenants);
    const drift = (options.driftOf ?? ((at, all) => askDrift(at, 'tenants', all)))(gateway, tenants);
    addApplied(this, { gateway, tenants }, { drift, what: 'tenants' });
  }
}
