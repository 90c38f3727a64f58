/**
 * Which shard gets a new job. A key always leads to the same shard. Without one any shard will do: one of this process
 * if it owns any, and the same one for a short while, because few busy shards commit larger groups than many idle ones.
 */
import type { Clock, Random } from './ports/runtime.ts';

export interface ShardChoice {
  ofKey(keyHash: string): number;
  /** `attempt` counts from 0: after a shard turned out to be away, the next one. */
  any(attempt: number): number;
}

export interface ShardChoiceOptions {
  readonly shardCount: number;
  /** Shards that this process serves now. */
  readonly localShards: () => readonly number[];
  readonly clock: Clock;
  readonly random: Random;
  /** How long the same shard is taken; default 50. */
  readonly stickyMs?: number;
}

const defaultStickyMs = 50;

export function createShardChoice(options: ShardChoiceOptions): ShardChoice {
  const { shardCount, localShards, clock } = options;
  const stickyMs = options.stickyMs ?? defaultStickyMs;
  // Gateways that start together do not walk together.
  const offset = Math.floor(options.random() * shardCount);
  return {
    ofKey: (keyHash) => Buffer.from(keyHash.slice(0, 8), 'base64url').readUInt32BE(0) % shardCount,
    any(attempt) {
      const turn = Math.floor(clock.monotonicMs() / stickyMs) + offset + attempt;
      const local = localShards();
      const own = local[turn % Math.max(local.length, 1)];
      // The last try leaves this process: its own shards may all be moving away.
      return own !== undefined && attempt < local.length ? own : turn % shardCount;
    },
  };
}
