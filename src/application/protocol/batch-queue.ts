/**
 * One queue of the shard batcher: the requests of one verb to one shard. Items of a tenant are sent in the order in which
 * they came, and tenants take turns. Each item is settled exactly once. If a batch fails as a whole, each of its items fails.
 */
import { TroupeError } from '../../domain/errors.ts';
import { SharedRoom } from '../../domain/shared-room.ts';
import { TurnQueue } from '../../domain/turn-queue.ts';
import { jsonBytes } from './json-bytes.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardClient } from '../ports/shard-link.ts';
import { type ItemResult, type ShardVerb, type ShardVerbs, shardVerbs } from '../ports/shard-protocol.ts';

export interface BatchCallOptions {
  /** Whose call it is. Empty: the cluster's own. */
  readonly tenant: string;
  /**
   * Epoch ms. An item that is still waiting then is not sent. An item in flight is given up, and its outcome is
   * unknown.
   */
  readonly deadlineAtMs?: number;
  readonly signal?: AbortSignal;
}

/** For calls that are nobody's, or many tenants' at once. */
export const ofCluster: BatchCallOptions = { tenant: '' };

interface BatchQueueLimits {
  readonly timeoutMs: number;
  readonly maxQueued: number;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly maxInFlight: number;
}

export interface BatchQueueParts {
  readonly client: ShardClient;
  readonly clock: Clock;
  readonly limits: BatchQueueLimits;
  readonly atTurnEnd: (flush: () => void) => void;
}

interface Entry<V extends ShardVerb> {
  readonly tenant: string;
  readonly item: ShardVerbs[V]['item'];
  readonly bytes: number;
  readonly deadlineAtMs: number;
  settled: boolean;
  sent: boolean;
  settle(outcome: ItemResult<ShardVerbs[V]['result']> | TroupeError): void;
}

const retryAfterFloorMs = 20;
const retryAfterCeilingMs = 5_000;
/** Between two looks for what is past its deadline. Each looks at everything, and deadlines may come one after the other. */
const expiryStepMs = 20;

export class BatchQueue<V extends ShardVerb> {
  readonly #shard: number;
  readonly #verb: V;
  readonly #parts: BatchQueueParts;
  readonly #waiting = new TurnQueue<Entry<V>>();
  readonly #room: SharedRoom;
  readonly #underWay = new Set<readonly Entry<V>[]>();
  #flushPlanned = false;
  /** Those that were settled unsent and still stand in their lines, until the turn ends. Their room is free already. */
  #left = 0;
  #dropPlanned = false;
  /** Duration of the last batch. A refused caller is asked to wait for a time that is derived from it. */
  #lastBatchMs = 0;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => undefined;

  constructor(shard: number, verb: V, parts: BatchQueueParts) {
    this.#shard = shard;
    this.#verb = verb;
    this.#parts = parts;
    this.#room = new SharedRoom(parts.limits.maxQueued);
  }

  get waiting(): number {
    return this.#waiting.size - this.#left;
  }

  call(item: ShardVerbs[V]['item'], options: BatchCallOptions): Promise<ShardVerbs[V]['result']> {
    const { tenant, signal, deadlineAtMs = Number.POSITIVE_INFINITY } = options;
    const bytes = this.#weigh(item);
    const isAborted = signal?.aborted === true;
    const refused = isAborted ? new TroupeError('CALL_CANCELLED') : this.#refusal(tenant, bytes, deadlineAtMs);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        entry.settle(new TroupeError('CALL_CANCELLED'));
        if (!entry.sent) this.#leave(entry);
      };
      const entry: Entry<V> = {
        tenant,
        item,
        bytes,
        deadlineAtMs,
        settled: false,
        sent: false,
        settle(outcome) {
          if (entry.settled) return;
          entry.settled = true;
          signal?.removeEventListener('abort', abandon);
          if (outcome instanceof TroupeError) reject(outcome);
          else if ('ok' in outcome) resolve(outcome.ok);
          else reject(TroupeError.fromWire(outcome.error));
        },
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.#enqueue(entry);
    });
  }

  close(): void {
    for (const entry of this.#waiting.all()) {
      if (entry.settled) continue;
      entry.settle(new TroupeError('SHUTTING_DOWN'));
      this.#leave(entry);
    }
    this.#dropSettled();
    this.#cancelTimer();
  }

  /** An item whose answer is larger than itself is weighed by its answer, so that the reply fits one message too. */
  #weigh(item: ShardVerbs[V]['item']): number {
    const itemBytes = jsonBytes(item) + 1;
    return Math.max(itemBytes, Math.min(shardVerbs[this.#verb].answerBytes(itemBytes), this.#parts.limits.maxBytes));
  }

  #refusal(tenant: string, bytes: number, deadlineAtMs: number): TroupeError | undefined {
    const { maxBytes, maxItems, maxInFlight, maxQueued } = this.#parts.limits;
    if (deadlineAtMs <= this.#parts.clock.nowMs()) return deadlineExceeded(false);
    if (bytes > maxBytes) {
      const metadata = { batchMaxBytes: String(maxBytes), itemBytes: String(bytes) };
      return new TroupeError('PAYLOAD_TOO_LARGE', { message: 'the request does not fit one message', metadata });
    }
    if (this.#room.lacks(tenant, 1) === 0) return undefined;
    const waitMs = Math.ceil(this.#lastBatchMs * Math.ceil(this.waiting / maxItems / maxInFlight));
    return new TroupeError('OVERLOADED', {
      retryAfterMs: Math.min(Math.max(waitMs, retryAfterFloorMs), retryAfterCeilingMs),
      metadata: { queued: String(this.waiting), maxQueued: String(maxQueued) },
    });
  }

  #enqueue(entry: Entry<V>): void {
    this.#waiting.add(entry.tenant, entry);
    this.#room.take(entry.tenant, 1);
    this.#armDeadline(entry.deadlineAtMs);
    if (this.#flushPlanned || this.#underWay.size >= this.#parts.limits.maxInFlight) return;
    this.#flushPlanned = true;
    this.#parts.atTurnEnd(() => {
      this.#flushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#underWay.size < this.#parts.limits.maxInFlight && this.#waiting.size > 0) {
      const batch = this.#takeBatch();
      if (batch.length > 0) void this.#send(batch);
    }
  }

  /** Takes the next items, as many as fit into one batch. Items past their deadline are settled instead. */
  #takeBatch(): readonly Entry<V>[] {
    const { maxItems, maxBytes } = this.#parts.limits;
    const nowMs = this.#parts.clock.nowMs();
    const batch: Entry<V>[] = [];
    let bytes = 0;
    for (let entry = this.#waiting.next(); entry !== undefined; entry = this.#waiting.next()) {
      if (entry.settled) {
        this.#left -= 1;
      } else if (entry.deadlineAtMs <= nowMs) {
        entry.settle(deadlineExceeded(false));
        this.#room.release(entry.tenant, 1);
      } else {
        if (batch.length === maxItems || (batch.length > 0 && bytes + entry.bytes > maxBytes)) break;
        entry.sent = true;
        batch.push(entry);
        bytes += entry.bytes;
        this.#room.release(entry.tenant, 1);
      }
      this.#waiting.take();
    }
    return batch;
  }

  async #send(batch: readonly Entry<V>[]): Promise<void> {
    const { client, clock, limits } = this.#parts;
    this.#underWay.add(batch);
    const startedAtMs = clock.monotonicMs();
    try {
      const items = batch.map((entry) => entry.item);
      const results = await client.call(this.#shard, this.#verb, items, limits.timeoutMs);
      batch.forEach((entry, index) => {
        entry.settle(results[index] ?? shortAnswer(batch.length, results.length));
      });
    } catch (error) {
      const failure = TroupeError.from(error);
      for (const entry of batch) entry.settle(failure);
    } finally {
      this.#lastBatchMs = clock.monotonicMs() - startedAtMs;
      this.#underWay.delete(batch);
      this.#flush();
    }
  }

  /** One timer per queue, at the earliest deadline, because most calls end long before theirs. */
  #armDeadline(deadlineAtMs: number): void {
    if (deadlineAtMs >= this.#timerAtMs) return;
    this.#cancelTimer();
    this.#timerAtMs = deadlineAtMs;
    this.#cancelTimer = this.#parts.clock.setTimer(Math.max(0, deadlineAtMs - this.#parts.clock.nowMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#expireDue();
    });
  }

  #expireDue(): void {
    const nowMs = this.#parts.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of [...[...this.#underWay].flat(), ...this.#waiting.all()]) {
      if (entry.settled) continue;
      if (entry.deadlineAtMs > nowMs) {
        nextMs = Math.min(nextMs, entry.deadlineAtMs);
        continue;
      }
      entry.settle(deadlineExceeded(entry.sent));
      if (!entry.sent) this.#leave(entry);
    }
    this.#armDeadline(Math.max(nextMs, nowMs + expiryStepMs));
  }

  /** The entry was settled before it was sent. Many may leave in one turn, as when a connection ends, and lines are long. */
  #leave(entry: Entry<V>): void {
    this.#room.release(entry.tenant, 1);
    this.#left += 1;
    if (this.#dropPlanned) return;
    this.#dropPlanned = true;
    this.#parts.atTurnEnd(() => {
      this.#dropPlanned = false;
      this.#dropSettled();
    });
  }

  #dropSettled(): void {
    this.#waiting.keep(({ settled }) => !settled);
    this.#left = 0;
  }
}

function deadlineExceeded(sent: boolean): TroupeError {
  return new TroupeError('CALL_DEADLINE_EXCEEDED', { metadata: { outcome: sent ? 'unknown' : 'none' } });
}

function shortAnswer(asked: number, answered: number): TroupeError {
  return new TroupeError('INTERNAL_ERROR', {
    cause: new Error(`${answered} results for ${asked} items`),
  });
}
