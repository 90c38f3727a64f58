/** What the shards of this process ask about the live nodes. */
import { HandlerFleet } from '../../../application/jobs/handler-fleet.ts';
import type { Membership } from '../../../application/ports/membership.ts';
import type { WatchedTenants } from '../../../application/tenants/watched-tenants.ts';
import type { ShardServices } from './shard-services.ts';

export type FleetAnswers = Pick<ShardServices, 'everyNodeHas' | 'someNodeHas' | 'nodeTakes' | 'fleetState'>;

export interface FleetSources {
  readonly membership: Pick<Membership, 'nodes' | 'onChange'>;
  readonly tenants: Pick<WatchedTenants, 'of' | 'changes'>;
}

export function fleetAnswers({ membership, tenants }: FleetSources): FleetAnswers {
  const fleet = new HandlerFleet(membership, (tenant) => tenants.of(tenant).isDedicated);
  return {
    everyNodeHas: (need, tenant) => fleet.everyNodeHas(need, tenant),
    someNodeHas: (need, tenant) => fleet.someNodeHas(need, tenant),
    nodeTakes: (nodeId, tenant) => fleet.nodeTakes(nodeId, tenant),
    // Both only grow.
    fleetState: () => fleet.changes + tenants.changes(),
  };
}
