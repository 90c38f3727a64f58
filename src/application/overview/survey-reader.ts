/** The figures of all queues of a tenant over the whole cluster, at most a second old. */
import { given } from '../../domain/given.ts';
import { noSurvey, type QueueSurvey, SurveySum } from '../../domain/queue-survey.ts';
import type { Clock } from '../ports/runtime.ts';
import type { SurveyItem } from '../ports/shard-protocol.ts';
import { type ClusterStats, createClusterStatsReader } from '../protocol/cluster-stats.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';

export type ClusterSurvey = ClusterStats<QueueSurvey>;

export interface SurveyReader {
  read(item: SurveyItem): Promise<ClusterSurvey>;
}

export interface SurveyReaderParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
}

export function createSurveyReader({ batcher, shardCount, clock }: SurveyReaderParts): SurveyReader {
  // Each answer is added when it comes, so that the loop is free between shards. A question has a sum of its own.
  const reader = createClusterStatsReader<SurveySum | QueueSurvey>({
    ask(shard, of, deadline) {
      const item = JSON.parse(of) as SurveyItem;
      return batcher.call(shard, 'survey', item, { ...deadline, tenant: item.tenant });
    },
    none: noSurvey,
    add: (one, other) => {
      const sum = one instanceof SurveySum ? one : new SurveySum();
      if (!(other instanceof SurveySum)) sum.add(other);
      return sum;
    },
    shardCount,
    clock,
  });

  return {
    async read({ tenant, onlyIn, contains }) {
      const item: SurveyItem = { tenant, ...given({ onlyIn, contains }) };
      const { stats, ...facts } = await reader.read(JSON.stringify(item));
      return { ...facts, stats: stats instanceof SurveySum ? stats.total(facts.askedAtMs) : stats };
    },
  };
}
