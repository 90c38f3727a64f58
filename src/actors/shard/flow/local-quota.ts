/**
 * What this shard may use of one cluster-wide limit, as granted by the home of the limit. The shard asks while it needs
 * more, or when it has to report that it uses less. Between question and answer it starts nothing, and without an
 * answer it may use nothing more. So the home never counts less than what is in use, whatever message is lost (see
 * `domain/quota-account.ts`).
 */
import type { LimitName } from '../../../application/queues/limit-home.ts';
import type { QuotaResult } from '../../../application/ports/shard-protocol.ts';
import type { QuotaRequest } from '../../../domain/quota-account.ts';

/**
 * A grant is used for at most this long unless it is renewed. This is much shorter than the time for which the home
 * remembers it.
 */
const validMs = 10_000;
/** The wait after a question that was not answered. */
const retryMs = 500;
/** The minimum time between two questions when only the usage has changed. */
const tellEveryMs = 250;
/**
 * The same when jobs wait and none did. Another quota may have let them come so far, and gives its room up at its next
 * question, which is no sooner than `tellEveryMs`. If this one asked only then, the two could take turns for ever.
 */
const newsMs = 20;
/** A repeated question keeps the home from forgetting long runs. */
const renewEveryMs = 5_000;

/** What a shard asks about a limit. Who asks is added when it is sent. */
export type QuotaQuestion = LimitName & Pick<QuotaRequest, 'tokens' | 'using' | 'waiting'>;

export interface LocalQuotaParts {
  readonly limit: LimitName;
  /** What counts as used now, and how many jobs could go if they were allowed to. */
  readonly demand: () => { readonly using: number; readonly waiting: number };
  /** Asks the home. The answer comes as a message of the shard. */
  readonly ask: (question: QuotaQuestion, answered: (answer: QuotaResult | undefined) => void) => void;
  /** Called when there may be room. */
  readonly changed: () => void;
}

export class LocalQuota {
  readonly #parts: LocalQuotaParts;
  #running = 0;
  #tokens = 0;
  /** False once the home has answered that there is no rate limit. */
  #isRated = true;
  #validToMs = -Infinity;
  #askedMs = -Infinity;
  #againMs = 0;
  #reported = { using: 0, waiting: 0 };
  #asking = false;
  #hasFailed = false;
  /** The highest epoch of an owner of the home from which this shard has heard. */
  #homeEpoch = 0;

  constructor(parts: LocalQuotaParts) {
    this.#parts = parts;
  }

  /**
   * How many more starts are allowed beyond `using`. `dispatched` counts those among `using` that have not started yet;
   * each of them needs a token.
   */
  room(nowMs: number, { using, dispatched }: { readonly using: number; readonly dispatched: number }): number {
    return this.#asking ? 0 : this.grantedRoom(nowMs, { using, dispatched });
  }

  /**
   * The same by the last answer, also while another is awaited. Two quotas that a job needs may ask in the same moment, again
   * and again. If each took the other's question for no room, neither would ever be granted any.
   */
  grantedRoom(nowMs: number, { using, dispatched }: { readonly using: number; readonly dispatched: number }): number {
    if (nowMs > this.#validToMs) return 0;
    return Math.max(0, Math.min(this.#running - using, this.#isRated ? this.#tokens - dispatched : Infinity));
  }

  /** The concurrency limit has room, but the rate limit has not. */
  lacksStarts({ using, dispatched }: { readonly using: number; readonly dispatched: number }): boolean {
    return this.#isRated && this.#tokens <= dispatched && this.#running > using;
  }

  /** An attempt has started and has used up a token. */
  started(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  /** The home has answered, and the answer still counts; or it did not answer the last question. */
  isKnown(nowMs: number): boolean {
    return this.#hasFailed || nowMs <= this.#validToMs;
  }

  /** Nothing is used or wanted, and the home knows this. */
  get isIdle(): boolean {
    const { using, waiting } = this.#parts.demand();
    return (
      !this.#asking && [using, waiting, this.#reported.using, this.#reported.waiting].every((count) => count === 0)
    );
  }

  /** When this shard has to ask. Infinity while there is no reason to. */
  dueMs(): number {
    if (this.#asking) return Infinity;
    const { using, waiting } = this.#parts.demand();
    if (waiting > 0)
      return this.#askedMs + (this.#reported.waiting > 0 ? this.#againMs : Math.min(this.#againMs, newsMs));
    if (using !== this.#reported.using || this.#reported.waiting > 0) return this.#askedMs + tellEveryMs;
    return using > 0 ? this.#askedMs + renewEveryMs : Infinity;
  }

  askIfDue(nowMs: number): void {
    if (this.dueMs() > nowMs) return;
    this.#asking = true;
    this.#askedMs = nowMs;
    this.#reported = { ...this.#parts.demand() };
    this.#parts.ask({ ...this.#parts.limit, ...this.#reported, tokens: this.#tokens }, (answer) => {
      this.#answered(answer);
    });
  }

  /**
   * Ends the earlier grant, because the rule has changed or because a new owner of the home was told the present usage.
   */
  revoke(homeEpoch = 0): void {
    this.#homeEpoch = Math.max(this.#homeEpoch, homeEpoch);
    this.#validToMs = -Infinity;
    this.#againMs = 0;
  }

  #answered(result: QuotaResult | undefined): void {
    this.#asking = false;
    this.#hasFailed = result === undefined;
    if (result === undefined || result.epoch < this.#homeEpoch) {
      // The outcome is unknown: the home may have granted something and may have recorded the reported usage. -1
      // makes the usage differ, so that it is reported again.
      this.#validToMs = -Infinity;
      this.#againMs = retryMs;
      this.#reported = { ...this.#reported, using: -1 };
      return;
    }
    const { lease: answer } = result;
    this.#homeEpoch = result.epoch;
    this.#running = answer.running ?? Infinity;
    this.#isRated = answer.tokens !== undefined;
    this.#tokens += answer.tokens ?? 0;
    this.#againMs = answer.againMs;
    this.#validToMs = this.#askedMs + validMs;
    this.#parts.changed();
  }
}
