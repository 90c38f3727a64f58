/** Sends batches to the owner of a shard, and serves them on the owner's side. */
import type { ItemResult, ShardVerb, ShardVerbs } from './shard-protocol.ts';

export interface ShardClient {
  /**
   * Sends one batch to the owner and resolves with one result per item, in order.
   * Rejects with SHARD_UNAVAILABLE if nobody listens (nothing was done), and with OUTCOME_UNKNOWN after `timeoutMs`.
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
  /** Serves the shard's subjects until the returned function is called. */
  serveShard(shard: number, handler: ShardHandler): () => void;
}
