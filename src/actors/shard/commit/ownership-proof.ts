/**
 * Proves regularly that this owner still has the shard. Every commit proves it. A shard that has nothing to write asks
 * the store instead. Otherwise a deposed owner could stay unaware of it while the jobs of its successor wait.
 */
import type { JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';

/** How long a shard that writes nothing may be unaware that it was deposed. */
const proveEveryMs = 5_000;

export interface OwnershipParts {
  readonly shard: number;
  readonly epoch: number;
  readonly store: Pick<JobStore, 'ownsShard'>;
  readonly context: ActorContext<ShardMessage>;
}

export class OwnershipProof {
  readonly #parts: OwnershipParts;
  #provenMs: number;
  #asking = false;

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#provenMs = parts.context.clock.monotonicMs();
  }

  committed(): void {
    this.#provenMs = this.#parts.context.clock.monotonicMs();
  }

  /** Call this at every tick. A deposed shard crashes. If its lease is sure, it starts again from the store. */
  askIfDue(): void {
    const { shard, epoch, store, context } = this.#parts;
    const nowMs = context.clock.monotonicMs();
    if (this.#asking || nowMs - this.#provenMs < proveEveryMs) return;
    this.#asking = true;
    whenAnswered(context, 'store', store.ownsShard(shard, epoch), (outcome) => {
      this.#asking = false;
      if (outcome.status === 'rejected') return;
      if (!outcome.value) throw deposed();
      this.#provenMs = Math.max(this.#provenMs, nowMs);
    });
  }
}

export function deposed(): TroupeError {
  return new TroupeError('SHARD_UNAVAILABLE', { message: 'deposed: another owner holds the shard' });
}
