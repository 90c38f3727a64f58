/**
 * Whether this node reaches the store. One that is cut off from it alone keeps its leases, and nobody could serve its shards:
 * so it says early that it is away, which others see, and gives its shards up a little later, when it could not have committed
 * for longer than a lease lasts. By then a cluster in which nobody reaches the store knows that, and leaves everything
 * where it is. Back is only who has been answered for a while: shards do not come and go with a link that flaps.
 *
 * A store that answers questions may take no commit all the same (a full disk, rounds that time out). Then a commit that is
 * tried for as long, while none arrives on this node, counts as a question without an answer; where nothing is to be
 * committed, nothing is known. Who was away for that has no commit to show that it is over: so it is back after a rest,
 * which doubles each time that no commit has arrived in between. A store that refuses everybody so moves a shard a few
 * times, and then once in `restMaxMs`.
 */
import type { JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';

const askEveryMs = 2_000;
/** A later answer is none. */
const answerMaxMs = 2_000;
/** Of the time that a lease lasts. */
const awayAfter = 0.8;
const givenUpAfter = 1.2;
/** A process that stood still finds one question failed, whatever the store does. */
const failuresMin = 2;
const backAfterMs = 30_000;
export const restMaxMs = 600_000;
/** Failures that lie further apart have nothing to do with each other; a commit, or a start of a shard, is tried again sooner. */
const triesApartMs = 15_000;

/** Runs a conditional write of a shard. */
export type WriteWatch = <T>(write: () => Promise<T>) => Promise<T>;

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
  /** Since when questions fail, or they are answered and commits arrive, without an exception in between. */
  #sinceMs: number;
  #isAway = false;
  /** Commits that failed, since one arrived. */
  #refused: { readonly sinceMs: number; readonly lastMs: number; readonly times: number } | undefined;
  /** How often this node was away for that, since one arrived. */
  #rests = 0;

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
    const { leaseTtlMs } = this.#parts;
    return this.#isAway && Math.max(this.#unansweredMs(1), this.#refusedMs()) > leaseTtlMs * givenUpAfter;
  }

  /** What the shards of this node write their commits through: whether they arrive is heeded, and nothing else. */
  readonly write: WriteWatch = async (write) => {
    const { clock } = this.#parts.context;
    const sentMs = clock.monotonicMs();
    try {
      const done = await write();
      this.#arrived(clock.monotonicMs());
      return done;
    } catch (error) {
      if (isTrouble(error)) this.#failed(sentMs, clock.monotonicMs());
      throw error;
    }
  };

  #arrived(nowMs: number): void {
    if (this.#refused !== undefined && this.#failures === 0) this.#sinceMs = nowMs;
    this.#refused = undefined;
    this.#rests = 0;
  }

  #failed(sentMs: number, nowMs: number): void {
    const before = this.#refused;
    const goesOn = before !== undefined && sentMs - before.lastMs <= triesApartMs;
    const { sinceMs, times } = goesOn ? before : { sinceMs: sentMs, times: 0 };
    this.#refused = { sinceMs, lastMs: nowMs, times: times + 1 };
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
    this.look();
  }

  /** After each answer, and at every tick. */
  look(): void {
    const awayMs = this.#parts.leaseTtlMs * awayAfter;
    if (this.#isAway) {
      if (this.#isBack()) this.#become(false);
    } else if (this.#refusedMs() > awayMs) {
      this.#rests += 1;
      this.#become(true);
    } else if (this.#unansweredMs(failuresMin) > awayMs) this.#become(true);
  }

  #isBack(): boolean {
    const nowMs = this.#parts.context.clock.monotonicMs();
    const restMs = Math.min(restMaxMs, backAfterMs * 2 ** Math.max(0, this.#rests - 1));
    if (this.#refused !== undefined && nowMs - this.#refused.lastMs < restMs) return false;
    if (this.#failures > 0 || nowMs - this.#sinceMs < backAfterMs) return false;
    this.#refused = undefined;
    return true;
  }

  /** For how long questions have failed, if so many did. */
  #unansweredMs(failures: number): number {
    return this.#failures < failures ? 0 : this.#parts.context.clock.monotonicMs() - this.#sinceMs;
  }

  /** For how long commits were tried in vain. */
  #refusedMs(): number {
    const { sinceMs, lastMs, times } = this.#refused ?? { sinceMs: 0, lastMs: 0, times: 0 };
    return times < failuresMin ? 0 : lastMs - sinceMs;
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

function isTrouble(error: unknown): boolean {
  return error instanceof TroupeError && (error.code === 'STORE_UNAVAILABLE' || error.code === 'OUTCOME_UNKNOWN');
}
