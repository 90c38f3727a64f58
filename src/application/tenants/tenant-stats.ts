/** What the jobs of a tenant add up to over the whole cluster. */
import { addTenantStats, noTenantStats, type TenantStats } from '../../domain/tenant-stats.ts';
import type { Clock } from '../ports/runtime.ts';
import { type ClusterStatsReader, createClusterStatsReader } from '../protocol/cluster-stats.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';

export type TenantStatsReader = ClusterStatsReader<TenantStats>;

export interface TenantStatsParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
}

export function createTenantStatsReader({ batcher, shardCount, clock }: TenantStatsParts): TenantStatsReader {
  return createClusterStatsReader<TenantStats>({
    ask: (shard, tenant, deadline) => batcher.call(shard, 'tenantStats', { tenant }, { ...deadline, tenant }),
    none: noTenantStats,
    add: addTenantStats,
    shardCount,
    clock,
  });
}
