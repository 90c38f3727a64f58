/**
 * Which shard gets a new job. A key always leads to the same shard. Without one any shard will do: one of this process
 * if it owns any, and the same one as long as it keeps up, because one busy shard commits larger groups than several idle
 * ones. When more jobs are under way to it than a group should hold, the least busy one is next.
 */
import type { Clock, Random } from '../ports/runtime.ts';

export interface ShardChoice {
  ofKey(keyHash: string): number;
  /** Counts as under way until `ended`. `attempt` counts from 0: after a shard turned out to be away, the next one. */
  begin(attempt: number, preferred?: number): number;
  /** One for a whole batch, to be given as `preferred` for each of its jobs. */
  peek(): number;
  ended(shard: number): void;
}

export interface ShardChoiceOptions {
  readonly shardCount: number;
  /** Shards that this process serves now. */
  readonly localShards: () => readonly number[];
  readonly clock: Clock;
  readonly random: Random;
  /** How long the same shard is taken, at most; default 5,000. */
  readonly stickyMs?: number;
  /** Jobs under way to one shard before another gets some; default 128. */
  readonly spillJobs?: number;
}

/** Of a digest as base64url. */
export function shardOfKey(keyHash: string, shardCount: number): number {
  return Buffer.from(keyHash.slice(0, 8), 'base64url').readUInt32BE(0) % shardCount;
}

const defaultStickyMs = 5_000;
const defaultSpillJobs = 128;

export function createShardChoice(options: ShardChoiceOptions): ShardChoice {
  const { shardCount, localShards, clock, stickyMs = defaultStickyMs, spillJobs = defaultSpillJobs } = options;
  const all = Array.from({ length: shardCount }, (_, shard) => shard);
  const underWay = new Uint32Array(shardCount);
  // Gateways that start together do not walk together.
  const offset = Math.floor(options.random() * shardCount);

  /** The turn's shard, or the one with least to do if that is busy. */
  function leastBusy(candidates: readonly number[], turn: number): number {
    const preferred = candidates[turn % candidates.length] ?? 0;
    if ((underWay[preferred] ?? 0) < spillJobs) return preferred;
    let best = preferred;
    for (const shard of candidates) if ((underWay[shard] ?? 0) < (underWay[best] ?? 0)) best = shard;
    return best;
  }

  function next(attempt: number): number {
    const turn = Math.floor(clock.monotonicMs() / stickyMs) + offset + attempt;
    const local = localShards();
    // The last try leaves this process: its own shards may all be moving away.
    return leastBusy(attempt < local.length ? local : all, turn);
  }

  return {
    ofKey: (keyHash) => shardOfKey(keyHash, shardCount),
    begin(attempt, preferred) {
      const shard = preferred !== undefined && attempt === 0 ? preferred : next(attempt);
      underWay[shard] = (underWay[shard] ?? 0) + 1;
      return shard;
    },
    peek: () => next(0),
    ended(shard) {
      underWay[shard] = Math.max(0, (underWay[shard] ?? 0) - 1);
    },
  };
}
