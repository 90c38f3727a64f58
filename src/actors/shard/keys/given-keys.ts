/**
 * Idempotency keys of submits that were answered with the job of another submit. The record of that job does not
 * contain them, so they must be in the store before the answer. All keys of one message are written together.
 *
 * From then on the key belongs to that job, for its retention. The row has the rank of the job, as if it were the job's
 * own key. So a late write of a deposed owner does not replace the key of a newer job.
 */
import { keysPutMax, type IdempotencyEntry, type JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';

interface Gift {
  readonly entry: IdempotencyEntry;
  readonly then: (trouble: TroupeError | undefined) => void;
}

export interface GivenKeysParts {
  readonly shard: number;
  readonly store: Pick<JobStore, 'putKeys'>;
  readonly context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>;
  readonly stored: (entry: IdempotencyEntry) => void;
  /** Called after `stored`, so that the decisions that followed are written. */
  readonly decided: () => void;
}

export class GivenKeys {
  readonly #parts: GivenKeysParts;
  /** Keys on their way to the store, each with the callbacks that wait for it. */
  readonly #pending = new Map<string, (() => void)[]>();
  #unsent: Gift[] = [];

  constructor(parts: GivenKeysParts) {
    this.#parts = parts;
  }

  /** Keys on their way to the store. */
  get size(): number {
    return this.#pending.size;
  }

  /** True if the key is on its way to the store, for any job. `again` is then called when the write has ended. */
  waits(keyHash: string, again: () => void): boolean {
    const waiting = this.#pending.get(keyHash);
    waiting?.push(again);
    return waiting !== undefined;
  }

  /** Gives a key that is not on its way to the store. */
  give(entry: IdempotencyEntry, then: Gift['then']): void {
    this.#pending.set(entry.keyHash, []);
    this.#unsent.push({ entry, then });
  }

  /** Call this at the end of each message. */
  send(): void {
    while (this.#unsent.length > 0) this.#put(this.#unsent.splice(0, keysPutMax));
  }

  #put(gifts: readonly Gift[]): void {
    const { shard, store, context, stored, decided } = this.#parts;
    const entries = gifts.map(({ entry }) => entry);
    whenAnswered(context, 'store', store.putKeys(shard, entries), (outcome) => {
      const failed = outcome.status === 'rejected';
      for (const { entry, then } of gifts) {
        const waiting = this.#pending.get(entry.keyHash) ?? [];
        this.#pending.delete(entry.keyHash);
        if (!failed) stored(entry);
        then(failed ? unknown(outcome.reason) : undefined);
        for (const again of waiting) again();
      }
      decided();
    });
  }
}

/** The row may have been written. If so, a repeated submit with this key gets the same job. */
function unknown(reason: unknown): TroupeError {
  return new TroupeError('STORE_UNAVAILABLE', { cause: reason, retryAfterMs: 1_000, metadata: { outcome: 'none' } });
}
