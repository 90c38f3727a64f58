/**
 * Idempotency keys of submits that were answered with a job of another submit: nothing in the record of that job says
 * them, so they are in the store before the answer. All of one message are written together.
 *
 * A key is of the job from then on, for its retention. Its row ranks as the job's own would: what an owner that was
 * deposed meanwhile still writes counts less than the key of a job that was made after that one.
 */
import { keysPutMax, type IdempotencyEntry, type JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../shard-message.ts';

interface Gift {
  readonly entry: IdempotencyEntry;
  readonly then: (trouble: TroupeError | undefined) => void;
}

export interface GivenKeysParts {
  readonly shard: number;
  readonly store: Pick<JobStore, 'putKeys'>;
  readonly context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>;
  readonly stored: (entry: IdempotencyEntry) => void;
  /** After that: what was decided on it is to be written. */
  readonly decided: () => void;
}

export class GivenKeys {
  readonly #parts: GivenKeysParts;
  /** By key, on their way to the store: who else waits for its end. */
  readonly #pending = new Map<string, (() => void)[]>();
  #unsent: Gift[] = [];

  constructor(parts: GivenKeysParts) {
    this.#parts = parts;
  }

  /** On their way to the store. */
  get size(): number {
    return this.#pending.size;
  }

  /** True: the key is on its way to the store, for whichever job, and `again` is called when that is over. */
  waits(keyHash: string, again: () => void): boolean {
    const waiting = this.#pending.get(keyHash);
    waiting?.push(again);
    return waiting !== undefined;
  }

  /** Of a key that is not on its way. */
  give(entry: IdempotencyEntry, then: Gift['then']): void {
    this.#pending.set(entry.keyHash, []);
    this.#unsent.push({ entry, then });
  }

  /** At the end of each message. */
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

/** The row may be there: whoever comes again under the key gets the same answer then. */
function unknown(reason: unknown): TroupeError {
  return new TroupeError('STORE_UNAVAILABLE', { cause: reason, retryAfterMs: 1_000, metadata: { outcome: 'none' } });
}
