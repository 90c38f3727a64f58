/**
 * Collects single requests to shards into batches, with one queue per shard and verb.
 *
 * An idle queue sends at the end of the current turn of the event loop, so that all requests of one turn go out
 * together. While `maxInFlight` batches of the queue are in flight, the next batch collects.
 *
 * Bounds: `maxQueued` items wait per queue, of one tenant nine tenths of them (beyond that OVERLOADED); `maxItems` and `maxBytes` limit a batch.
 */
import { TroupeError } from '../../domain/errors.ts';
import { type BatchCallOptions, BatchQueue, type BatchQueueParts } from './batch-queue.ts';
import type { Clock } from '../ports/runtime.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { ShardClient } from '../ports/shard-link.ts';
import { batchMaxBytes, batchMaxItems, type ShardVerb, type ShardVerbs, shardVerbs } from '../ports/shard-protocol.ts';

export interface ShardBatcher {
  /**
   * Rejects with OVERLOADED, CALL_DEADLINE_EXCEEDED (`metadata.outcome` is `none` if the item was never sent,
   * otherwise `unknown`), CALL_CANCELLED, SHUTTING_DOWN, any error of the link, or the item's own error.
   */
  call<V extends ShardVerb>(
    shard: number,
    verb: V,
    item: ShardVerbs[V]['item'],
    options: BatchCallOptions,
  ): Promise<ShardVerbs[V]['result']>;
  /** Number of items that were not sent yet, over all queues. */
  queued(): number;
  /** Rejects waiting items and all later calls with SHUTTING_DOWN. Batches in flight end by themselves. */
  close(): void;
}

export interface ShardBatcherOptions {
  readonly client: ShardClient;
  readonly clock: Clock;
  /** Timeout of one batch. */
  readonly timeoutMs: number;
  /** Most items that may wait in one queue. */
  readonly maxQueued: number;
  /** Most items of one batch. Default and maximum: `batchMaxItems`. */
  readonly maxItems?: number;
  /** Most bytes of one batch as JSON. Default and maximum: `batchMaxBytes`. */
  readonly maxBytes?: number;
  /** Most batches of one queue in flight. Default 2: one is being committed while the next collects at the owner. */
  readonly maxInFlight?: number;
  /** Runs `flush` at the end of the current turn of the event loop. `setImmediate`, except in tests. */
  readonly atTurnEnd: (flush: () => void) => void;
}

const defaultMaxInFlight = 2;

export function createShardBatcher(options: ShardBatcherOptions): ShardBatcher {
  const parts: BatchQueueParts = {
    client: options.client,
    clock: options.clock,
    atTurnEnd: options.atTurnEnd,
    limits: {
      timeoutMs: options.timeoutMs,
      maxQueued: options.maxQueued,
      maxItems: Math.min(options.maxItems ?? batchMaxItems, batchMaxItems),
      maxBytes: Math.min(options.maxBytes ?? batchMaxBytes, batchMaxBytes),
      maxInFlight: options.maxInFlight ?? defaultMaxInFlight,
    },
  };
  const queues = Object.fromEntries(Object.keys(shardVerbs).map((verb) => [verb, new Map()])) as {
    readonly [V in ShardVerb]: Map<number, BatchQueue<V>>;
  };
  let closed = false;

  function queueOf<V extends ShardVerb>(shard: number, verb: V): BatchQueue<V> {
    const ofVerb: Map<number, BatchQueue<V>> = queues[verb];
    const queue = ofVerb.get(shard) ?? new BatchQueue(shard, verb, parts);
    ofVerb.set(shard, queue);
    return queue;
  }

  const allQueues = (): Pick<BatchQueue<ShardVerb>, 'waiting' | 'close'>[] =>
    Object.values(queues).flatMap((ofVerb) => [...ofVerb.values()]);

  return {
    call(shard, verb, item, callOptions) {
      if (closed) return Promise.reject(new TroupeError('SHUTTING_DOWN'));
      return queueOf(shard, verb).call(item, callOptions);
    },
    queued: () => allQueues().reduce((sum, queue) => sum + queue.waiting, 0),
    close() {
      closed = true;
      for (const queue of allQueues()) queue.close();
    },
  };
}

/** The options of what is done for a call: its tenant, and how long it waits. */
export function callFor({ tenant, deadlineAtMs }: Pick<CallContext, 'tenant' | 'deadlineAtMs'>): BatchCallOptions {
  return deadlineAtMs === undefined ? { tenant } : { tenant, deadlineAtMs };
}
