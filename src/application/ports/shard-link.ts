/** The way to the owner of a shard, and, for the owner, the way to be asked. */
import type { ItemResult, ShardVerb, ShardVerbs } from '../protocol/shard-protocol.ts';

export interface ShardClient {
  /**
   * Sends one batch to the owner and waits for its answer: one result per item, in order.
   * Rejects with SHARD_UNAVAILABLE when nobody listens (nothing was done), OUTCOME_UNKNOWN after `timeoutMs`.
   */
  call<V extends ShardVerb>(
    shard: number,
    verb: V,
    items: readonly ShardVerbs[V]['item'][],
    timeoutMs: number,
  ): Promise<readonly ItemResult<ShardVerbs[V]['result']>[]>;
}

export type ShardHandler = <V extends ShardVerb>(
  verb: V,
  items: readonly ShardVerbs[V]['item'][],
) => Promise<readonly ItemResult<ShardVerbs[V]['result']>[]>;

export interface ShardServer {
  /** Listens on the shard's subjects until the returned function is called. */
  serveShard(shard: number, handler: ShardHandler): () => void;
}
