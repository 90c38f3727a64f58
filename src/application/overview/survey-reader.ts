/** The figures of all queues of a tenant over the whole cluster, at most a second old. */
import { given } from '../../domain/given.ts';
import { type QueueSurvey, SurveySum } from '../../domain/queue-survey.ts';
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
  const reader = createClusterStatsReader<readonly QueueSurvey[]>({
    ask: async (shard, of, deadline) => {
      const item = JSON.parse(of) as SurveyItem;
      return [await batcher.call(shard, 'survey', item, { ...deadline, tenant: item.tenant })];
    },
    none: [],
    add: (one, other) => [...one, ...other],
    shardCount,
    clock,
  });

  return {
    async read({ tenant, onlyIn, contains }) {
      const item: SurveyItem = { tenant, ...given({ onlyIn, contains }) };
      const { stats: surveys, ...facts } = await reader.read(JSON.stringify(item));
      const sum = new SurveySum();
      for (const survey of surveys) sum.add(survey);
      return { ...facts, stats: sum.total(facts.askedAtMs) };
    },
  };
}
