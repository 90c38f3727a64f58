/**
 * Gathers single requests to shards into batches, one queue per shard and verb.
 *
 * An idle queue sends at the end of the current turn of the event loop, so that whatever one turn brings goes out
 * together; while `maxInFlight` batches of the queue are under way the next one gathers.
 *
 * Bounds: `maxQueued` items wait per queue (past it MAILBOX_FULL), `maxItems` and `maxBytes` per batch.
 */
import { TroupeError } from '../../domain/errors.ts';
import { type BatchCallOptions, BatchQueue, type BatchQueueParts } from './batch-queue.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardClient } from '../ports/shard-link.ts';
import { batchMaxBytes, batchMaxItems, type ShardVerb, type ShardVerbs } from './shard-protocol.ts';

export interface ShardBatcher {
  /**
   * Rejects MAILBOX_FULL, CALL_DEADLINE_EXCEEDED (`metadata.outcome`: `none` when it was never sent, else `unknown`),
   * CALL_CANCELLED, SHUTTING_DOWN, whatever the link rejects with, and the item's own error.
   */
  call<V extends ShardVerb>(
    shard: number,
    verb: V,
    item: ShardVerbs[V]['item'],
    options?: BatchCallOptions,
  ): Promise<ShardVerbs[V]['result']>;
  /** Items not yet sent, over all queues. */
  queued(): number;
  /** Rejects what waits and all later calls with SHUTTING_DOWN; what is under way ends by itself. */
  close(): void;
}

export interface ShardBatcherOptions {
  readonly client: ShardClient;
  readonly clock: Clock;
  /** Patience with one batch. */
  readonly timeoutMs: number;
  /** Items that may wait in one queue. */
  readonly maxQueued: number;
  /** Items in one batch; default and most `batchMaxItems`. */
  readonly maxItems?: number;
  /** Bytes of one batch as JSON; default and most `batchMaxBytes`. */
  readonly maxBytes?: number;
  /** Batches of one queue under way; default 2: one being committed, one gathering at the owner. */
  readonly maxInFlight?: number;
  /** Runs `flush` when the current turn of the event loop is over: `setImmediate`, but for tests. */
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
  const queues: { readonly [V in ShardVerb]: Map<number, BatchQueue<V>> } = {
    submit: new Map(),
    claim: new Map(),
    complete: new Map(),
    checkpoint: new Map(),
    log: new Map(),
    'read-log': new Map(),
    heartbeat: new Map(),
    cancel: new Map(),
    erase: new Map(),
    reschedule: new Map(),
    get: new Map(),
    queueStats: new Map(),
    load: new Map(),
    closeQueue: new Map(),
    openQueue: new Map(),
    place: new Map(),
    leaseQuota: new Map(),
    limitUse: new Map(),
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
    call(shard, verb, item, callOptions = {}) {
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
