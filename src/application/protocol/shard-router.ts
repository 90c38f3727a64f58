/**
 * Routes requests to shards of this process directly, without NATS and JSON. All other requests go over the link. A
 * gateway asks `local()` in order to prefer such shards for jobs without a key.
 */
import type { ShardClient, ShardHandler, ShardServer } from '../ports/shard-link.ts';

export interface ShardRouter extends ShardClient, ShardServer {
  /** Shards that this process serves now. */
  local(): readonly number[];
}

export function createShardRouter(link: ShardClient & ShardServer): ShardRouter {
  const handlers = new Map<number, ShardHandler>();
  let shards: readonly number[] = [];
  return {
    local: () => shards,
    call(shard, verb, items, timeoutMs) {
      const handler = handlers.get(shard);
      return handler === undefined ? link.call(shard, verb, items, timeoutMs) : handler(verb, items);
    },
    serveShard(shard, handler) {
      const stopListening = link.serveShard(shard, handler);
      handlers.set(shard, handler);
      shards = [...handlers.keys()];
      return () => {
        if (handlers.get(shard) === handler) handlers.delete(shard);
        shards = [...handlers.keys()];
        stopListening();
      };
    },
  };
}
