/**
 * Sums of what all shards answer from memory. A shard that does not answer in time is left out and counted as silent.
 * One answer serves all callers that ask while it is made or while it is fresh.
 */
import type { Clock } from '../ports/runtime.ts';
import { everyShard } from './every-shard.ts';

/** How long an answer is reused. */
export const statsMaxAgeMs = 1_000;
/** Time for all shards together. */
export const statsPatienceMs = 1_000;
/** Answers that are kept. */
const answersMax = 1_000;

export interface ClusterStats<Stats> {
  readonly stats: Stats;
  readonly shards: number;
  /** Number of shards that did not answer. The statistics do not include their jobs. */
  readonly silent: number;
  /** When the shards were asked, epoch ms. */
  readonly askedAtMs: number;
  /** Number of the question. A later question has a higher number. */
  readonly ask: number;
}

export interface ClusterStatsReader<Stats> {
  /** An answer that is at most `maxAgeMs` old (default and maximum: `statsMaxAgeMs`) or is being made. */
  read(of: string, maxAgeMs?: number): Promise<ClusterStats<Stats>>;
  /**
   * The highest `ask` of the questions about the same so far. What is done in the shards by now is in every answer with
   * a higher one.
   */
  lastAsk(of: string): number;
}

export interface ClusterStatsParts<Stats> {
  readonly ask: (shard: number, of: string, deadline: { readonly deadlineAtMs: number }) => Promise<Stats>;
  readonly none: Stats;
  readonly add: (one: Stats, other: Stats) => Stats;
  readonly shardCount: number;
  readonly clock: Clock;
}

interface Answer<Stats> {
  readonly ask: number;
  readonly askedMs: number;
  readonly result: Promise<ClusterStats<Stats>>;
  made: boolean;
}

export function createClusterStatsReader<Stats>(parts: ClusterStatsParts<Stats>): ClusterStatsReader<Stats> {
  const { shardCount, clock } = parts;
  const answers = new Map<string, Answer<Stats>>();
  let asks = 0;

  async function askAll(of: string, ask: number): Promise<ClusterStats<Stats>> {
    const askedAtMs = clock.nowMs();
    const deadlineAtMs = askedAtMs + statsPatienceMs;
    let [stats, silent] = [parts.none, 0];
    await everyShard(shardCount, async (shard) => {
      try {
        const answer = await parts.ask(shard, of, { deadlineAtMs });
        stats = parts.add(stats, answer);
      } catch {
        silent += 1;
      }
    });
    return { stats, shards: shardCount, silent, askedAtMs, ask };
  }

  return {
    read(of, maxAgeMs = statsMaxAgeMs) {
      const nowMs = clock.monotonicMs();
      const known = answers.get(of);
      const fresh = known !== undefined && nowMs - known.askedMs < Math.min(maxAgeMs, statsMaxAgeMs);
      if (known !== undefined && (fresh || !known.made)) return known.result;
      answers.delete(of);
      asks += 1;
      const answer: Answer<Stats> = {
        ask: asks,
        askedMs: nowMs,
        result: askAll(of, asks).finally(() => (answer.made = true)),
        made: false,
      };
      answers.set(of, answer);
      const oldest = answers.keys().next();
      if (answers.size > answersMax && oldest.done !== true) answers.delete(oldest.value);
      return answer.result;
    },
    // The answer to an older question may still be in use after it was dropped here.
    lastAsk: (of) => answers.get(of)?.ask ?? asks,
  };
}
