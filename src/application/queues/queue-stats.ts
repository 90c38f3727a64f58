/**
 * Statistics of a queue over the whole cluster. All shards answer from memory. A shard that does not answer in time is
 * left out and counted as silent. One answer serves all callers that ask while it is made or while it is fresh.
 */
import { addStats, noStats, type QueueStats } from '../../domain/queue-stats.ts';
import { everyShard } from '../protocol/every-shard.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';

/** How long an answer is reused. */
export const statsMaxAgeMs = 1_000;
/** Time for all shards together. */
export const statsPatienceMs = 1_000;
const queuesMax = 1_000;

export interface ClusterQueueStats {
  readonly stats: QueueStats;
  readonly shards: number;
  /** Number of shards that did not answer. The statistics do not include their jobs. */
  readonly silent: number;
  /** When the shards were asked, epoch ms. */
  readonly askedAtMs: number;
  /** Number of the question. A later question has a higher number. */
  readonly ask: number;
}

export interface QueueStatsReader {
  /** An answer that is at most `maxAgeMs` old (default and maximum: `statsMaxAgeMs`) or is being made. */
  read(tenant: string, queue: string, maxAgeMs?: number): Promise<ClusterQueueStats>;
  /**
   * The highest `ask` of the questions about the queue so far. What is done in the shards by now is in every answer
   * with a higher one.
   */
  lastAsk(tenant: string, queue: string): number;
}

export interface QueueStatsParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
}

interface Answer {
  readonly ask: number;
  readonly askedMs: number;
  readonly result: Promise<ClusterQueueStats>;
  made: boolean;
}

export function createQueueStatsReader({ batcher, shardCount, clock }: QueueStatsParts): QueueStatsReader {
  const answers = new Map<string, Answer>();
  let asks = 0;

  async function askAll(tenant: string, queue: string, ask: number): Promise<ClusterQueueStats> {
    const askedAtMs = clock.nowMs();
    const deadlineAtMs = askedAtMs + statsPatienceMs;
    let [stats, silent] = [noStats, 0];
    await everyShard(shardCount, async (shard) => {
      try {
        const answer = await batcher.call(shard, 'queueStats', { tenant, queue }, { tenant, deadlineAtMs });
        stats = addStats(stats, answer);
      } catch {
        silent += 1;
      }
    });
    return { stats, shards: shardCount, silent, askedAtMs, ask };
  }

  return {
    read(tenant, queue, maxAgeMs = statsMaxAgeMs) {
      const key = `${tenant}/${queue}`;
      const nowMs = clock.monotonicMs();
      const known = answers.get(key);
      const fresh = known !== undefined && nowMs - known.askedMs < Math.min(maxAgeMs, statsMaxAgeMs);
      if (known !== undefined && (fresh || !known.made)) return known.result;
      answers.delete(key);
      asks += 1;
      const answer: Answer = {
        ask: asks,
        askedMs: nowMs,
        result: askAll(tenant, queue, asks).finally(() => (answer.made = true)),
        made: false,
      };
      answers.set(key, answer);
      const oldest = answers.keys().next();
      if (answers.size > queuesMax && oldest.done !== true) answers.delete(oldest.value);
      return answer.result;
    },
    // The answer to an older question may still be in use after it was dropped here.
    lastAsk: (tenant, queue) => answers.get(`${tenant}/${queue}`)?.ask ?? asks,
  };
}
