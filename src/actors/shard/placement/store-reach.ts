/**
 * Whether this node reaches the store. If it is cut off from the store alone, it keeps its leases, and nobody can serve
 * its shards. So it announces early that it is away, and other nodes see this. It gives its shards up a little later,
 * when it could not have committed for longer than a lease lasts. By then, a cluster in which no node reaches the store
 * knows this and leaves all shards where they are. A node is back only after a period of answered questions, so that a
 * flapping link does not move shards back and forth.
 *
 * A store that answers questions may still accept no commit, for example because its disk is full or its conditional
 * writes time out. So commits that are retried for this long, while none succeeds on this node, count like unanswered
 * questions. Where nothing has to be committed, nothing is known. A node that is away for this reason has no commit
 * that shows that the trouble is over, so it is back after a rest. The rest doubles each time unless a commit has
 * succeeded in between. If the store refuses everybody, a shard therefore moves a few times and then once per
 * `restMaxMs`.
 */
import type { JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';

const askEveryMs = 2_000;
/** A question that is not answered in this time has failed. */
const answerMaxMs = 2_000;
/** Parts of the duration of a lease. */
const awayAfter = 0.8;
const givenUpAfter = 1.2;
/**
 * One failure is not enough: a process that was stopped for a while finds one failed question, whatever the store does.
 */
const failuresMin = 2;
const backAfterMs = 30_000;
export const restMaxMs = 600_000;
/**
 * Failures further apart than this are unrelated. The retries of a commit or of a shard's start are closer together.
 */
const triesApartMs = 15_000;

/** Runs a conditional write of a shard. */
export type WriteWatch = <T>(write: () => Promise<T>) => Promise<T>;

export interface StoreReachParts<Message> {
  readonly store: Pick<JobStore, 'ownsShard'>;
  readonly context: Pick<ActorContext<Message>, 'clock' | 'log' | 'pipeToSelf'>;
  readonly leaseTtlMs: number;
  readonly message: (outcome: PromiseSettledResult<boolean>, sentMs: number) => Message;
  /** Called when the node is away, and when it is back. */
  readonly changed: (isAway: boolean) => void;
}

export class StoreReach<Message> {
  readonly #parts: StoreReachParts<Message>;
  #askedMs = -Infinity;
  #asking = false;
  #failures = 0;
  /** Since when every question has failed, or since when every question was answered and commits succeeded. */
  #sinceMs: number;
  #isAway = false;
  /** Commits that have failed since the last one succeeded. */
  #refused: { readonly sinceMs: number; readonly lastMs: number; readonly times: number } | undefined;
  /** How often this node was away because of failed commits since the last one succeeded. */
  #rests = 0;

  constructor(parts: StoreReachParts<Message>) {
    this.#parts = parts;
    this.#sinceMs = parts.context.clock.monotonicMs();
  }

  /** While this is true, no shard is placed on this node if other nodes reach the store. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** While this is true, this node also keeps no shard. */
  get isGivenUp(): boolean {
    const { leaseTtlMs } = this.#parts;
    return this.#isAway && Math.max(this.#unansweredMs(1), this.#refusedMs()) > leaseTtlMs * givenUpAfter;
  }

  /** The shards of this node run their commits through this. It only observes whether they succeed. */
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

  /** The question is answered by a quorum, as a commit is. */
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

  /** Called after each answer and at every tick. */
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

  /** For how long questions have failed, if at least `failures` did. */
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
