/**
 * Chooses the shard of a new job. A key always leads to the same shard. Without a key any shard will do. The choice
 * then prefers a shard of this process, and stays with it while it keeps up, because one busy shard commits larger
 * groups than several idle ones. When more jobs are in flight to it than a group should hold, the least busy shard is
 * next.
 */
import type { Clock, Random } from '../ports/runtime.ts';

export interface ShardChoice {
  ofKey(keyHash: string): number;
  /**
   * Counts a job as in flight until `ended`. `attempt` counts from 0 and grows when a shard turned out to be
   * unavailable.
   */
  begin(attempt: number, preferred?: number): number;
  /** Chooses one shard for a whole batch. Pass it as `preferred` for each job of the batch. */
  peek(): number;
  ended(shard: number): void;
}

export interface ShardChoiceOptions {
  readonly shardCount: number;
  /** Shards that this process serves now. */
  readonly localShards: () => readonly number[];
  readonly clock: Clock;
  readonly random: Random;
  /** Longest time for which the same shard is preferred. Default 5,000. */
  readonly stickyMs?: number;
  /** Jobs in flight to one shard before others are used too. Default 128. */
  readonly spillJobs?: number;
}

/** `keyHash` is a digest as base64url. */
export function shardOfKey(keyHash: string, shardCount: number): number {
  return Buffer.from(keyHash.slice(0, 8), 'base64url').readUInt32BE(0) % shardCount;
}

const defaultStickyMs = 5_000;
const defaultSpillJobs = 128;

export function createShardChoice(options: ShardChoiceOptions): ShardChoice {
  const { shardCount, localShards, clock, stickyMs = defaultStickyMs, spillJobs = defaultSpillJobs } = options;
  const all = Array.from({ length: shardCount }, (_, shard) => shard);
  const underWay = new Uint32Array(shardCount);
  // Random, so that gateways which start together do not use the same shard at the same time.
  const offset = Math.floor(options.random() * shardCount);

  /** The shard of this turn, or the least busy one if that has too many jobs in flight. */
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
    // The last attempt leaves this process, because all of its shards may be moving away.
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
