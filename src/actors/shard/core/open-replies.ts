/**
 * The batches that have an item without a result. A caller waits for the store only so long: while it takes no commits,
 * or answers late, the caller is told before its deadline that nobody knows the outcome. What was decided stays decided.
 */
import type { ItemResult } from '../../../application/ports/shard-protocol.ts';
import { type ErrorCode, TroupeError } from '../../../domain/errors.ts';
import { BatchReply } from './batch-reply.ts';

/** How long a caller waits when the store is known to take no commits, and otherwise. */
const patienceMs = { inTrouble: 2_000, most: 8_000 } as const;
/** About the interval at which writes are retried while the store is in trouble. */
export const storeRetryMs = 2_000;

interface OpenReply {
  readonly sinceMs: number;
  /** What its items are told when the store keeps them waiting. Undefined: they wait. */
  readonly lateCode: ErrorCode | undefined;
}

export class OpenReplies {
  readonly #nowMs: () => number;
  readonly #open = new Map<Pick<BatchReply<never>, 'giveUp'>, OpenReply>();

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  open<T>(
    size: number,
    answer: (results: readonly ItemResult<T>[]) => void,
    lateCode: ErrorCode | undefined,
  ): BatchReply<T> {
    const reply = new BatchReply<T>(size, (results) => {
      this.#open.delete(reply);
      answer(results);
    });
    if (size > 0) this.#open.set(reply, { sinceMs: this.#nowMs(), lateCode });
    return reply;
  }

  /** Answers those that have waited too long. `trouble`: why the store takes no commits. */
  tick(trouble: TroupeError | undefined): void {
    const sinceMs = this.#nowMs() - (trouble === undefined ? patienceMs.most : patienceMs.inTrouble);
    const message = trouble?.message ?? 'the store has not answered in time';
    for (const [reply, waits] of this.#open) {
      // They are in the order in which they came.
      if (waits.sinceMs > sinceMs) return;
      if (waits.lateCode === undefined) continue;
      reply.giveUp(new TroupeError(waits.lateCode, { message, retryAfterMs: storeRetryMs }));
    }
  }

  /** The shard stops. Items without a result may or may not have been carried out. */
  close(): void {
    const message = 'the owner of the shard stopped before the answer was known';
    for (const reply of this.#open.keys()) reply.giveUp(new TroupeError('OUTCOME_UNKNOWN', { message }));
    this.#open.clear();
  }
}
