/** Statistics of a queue over the whole cluster. */
import { addStats, noStats, type QueueStats } from '../../domain/queue-stats.ts';
import { type ClusterStats, createClusterStatsReader } from '../protocol/cluster-stats.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';

export type ClusterQueueStats = ClusterStats<QueueStats>;

export interface QueueStatsReader {
  /** See `ClusterStatsReader`. */
  read(tenant: string, queue: string, maxAgeMs?: number): Promise<ClusterQueueStats>;
  lastAsk(tenant: string, queue: string): number;
}

export interface QueueStatsParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
}

export function createQueueStatsReader({ batcher, shardCount, clock }: QueueStatsParts): QueueStatsReader {
  const reader = createClusterStatsReader<QueueStats>({
    ask(shard, of, deadline) {
      const [tenant = '', queue = ''] = of.split('/');
      return batcher.call(shard, 'queueStats', { tenant, queue }, { ...deadline, tenant });
    },
    none: noStats,
    add: addStats,
    shardCount,
    clock,
  });
  return {
    read: (tenant, queue, maxAgeMs) => reader.read(`${tenant}/${queue}`, maxAgeMs),
    lastAsk: (tenant, queue) => reader.lastAsk(`${tenant}/${queue}`),
  };
}
