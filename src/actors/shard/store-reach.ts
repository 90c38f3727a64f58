/**
 * Whether this node reaches the store. One that is cut off from it alone keeps its leases, and nobody could serve its shards:
 * so it says early that it is away, which others see, and gives its shards up a little later, when it could not have committed
 * for longer than a lease lasts. By then a cluster in which nobody reaches the store knows that, and leaves everything
 * where it is. Back is only who has been answered for a while: shards do not come and go with a link that flaps.
 */
import type { JobStore } from '../../application/ports/job-store.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { ActorContext } from '../kernel/index.ts';

const askEveryMs = 2_000;
/** A later answer is none. */
const answerMaxMs = 2_000;
/** Of the time that a lease lasts. */
const awayAfter = 0.8;
const givenUpAfter = 1.2;
/** A process that stood still finds one question failed, whatever the store does. */
const failuresMin = 2;
export const backAfterMs = 30_000;

export interface StoreReachParts<Message> {
  readonly store: Pick<JobStore, 'ownsShard'>;
  readonly context: Pick<ActorContext<Message>, 'clock' | 'log' | 'pipeToSelf'>;
  readonly leaseTtlMs: number;
  readonly message: (outcome: PromiseSettledResult<boolean>, sentMs: number) => Message;
  /** Away, or back. */
  readonly changed: (isAway: boolean) => void;
}

export class StoreReach<Message> {
  readonly #parts: StoreReachParts<Message>;
  #askedMs = -Infinity;
  #asking = false;
  #failures = 0;
  /** Since when questions fail, or are answered, without an exception in between. */
  #sinceMs: number;
  #isAway = false;

  constructor(parts: StoreReachParts<Message>) {
    this.#parts = parts;
    this.#sinceMs = parts.context.clock.monotonicMs();
  }

  /** No shard is to be placed here while others reach the store. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Nor is one to be kept. */
  get isGivenUp(): boolean {
    const { leaseTtlMs, context } = this.#parts;
    return (
      this.#isAway && this.#failures > 0 && this.#lastedMs(context.clock.monotonicMs()) > leaseTtlMs * givenUpAfter
    );
  }

  /** What is asked is asked of a quorum, as a commit is. */
  askIfDue(): void {
    const { context, message } = this.#parts;
    const sentMs = context.clock.monotonicMs();
    if (this.#asking || sentMs - this.#askedMs < askEveryMs) return;
    this.#asking = true;
    this.#askedMs = sentMs;
    context.pipeToSelf(this.#ask(), (outcome) => message(outcome, sentMs));
  }

  #ask(): Promise<boolean> {
    const { store, context } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const cancel = context.clock.setTimer(answerMaxMs, () => reject(new TroupeError('STORE_UNAVAILABLE')));
    store.ownsShard(0, 0).then(resolve, reject).finally(cancel);
    return promise;
  }

  answered(outcome: PromiseSettledResult<boolean>, sentMs: number): void {
    this.#asking = false;
    const isFailure = outcome.status === 'rejected';
    if (isFailure !== this.#failures > 0) this.#sinceMs = sentMs;
    this.#failures = isFailure ? this.#failures + 1 : 0;
    const lastedMs = this.#lastedMs(this.#parts.context.clock.monotonicMs());
    const { leaseTtlMs } = this.#parts;
    if (this.#isAway) this.#become(isFailure || lastedMs < backAfterMs);
    else this.#become(this.#failures >= failuresMin && lastedMs > leaseTtlMs * awayAfter);
  }

  #lastedMs(nowMs: number): number {
    return nowMs - this.#sinceMs;
  }

  #become(isAway: boolean): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    const { log } = this.#parts.context;
    if (isAway) log.warn({ event: 'store.away' }, 'this node does not reach the store; others may have its shards');
    else log.info({ event: 'store.back' }, 'this node reaches the store again');
    this.#parts.changed(isAway);
  }
}
