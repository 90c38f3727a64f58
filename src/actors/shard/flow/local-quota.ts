/**
 * What this shard may use of one limit of the whole cluster, as the limit's home granted it. It asks while it needs some
 * or has to say that it uses less. From the question to the answer nothing is begun, and without an answer nothing is
 * allowed: so the home never counts less than what is used, whatever is lost (see `domain/quota-lease.ts`).
 */
import type { QuotaItem, QuotaResult } from '../../../application/ports/shard-protocol.ts';

/** A grant that is not renewed is used no longer: much shorter than its home remembers it. */
const validMs = 10_000;
/** After a question that was not answered. */
const retryMs = 500;
/** Between two questions, when nothing but what is used has changed. */
const tellEveryMs = 250;
/** So that the home does not forget what runs for long. */
const renewEveryMs = 5_000;

export interface LocalQuotaParts {
  readonly limit: Pick<QuotaItem, 'tenant' | 'queue' | 'key'>;
  /** What counts now, and what could go at once. */
  readonly demand: () => { readonly using: number; readonly waiting: number };
  /** Asks the home; the answer comes as a message of the shard. */
  readonly ask: (question: Omit<QuotaItem, 'holder'>, answered: (answer: QuotaResult | undefined) => void) => void;
  /** There may be room. */
  readonly changed: () => void;
}

export class LocalQuota {
  readonly #parts: LocalQuotaParts;
  #running = 0;
  #tokens = 0;
  /** The home answers that there is no such limit. */
  #isRated = true;
  #validToMs = -Infinity;
  #askedMs = -Infinity;
  #againMs = 0;
  #reported = { using: 0, waiting: 0 };
  #asking = false;
  /** The newest owner of the home that was heard. */
  #homeEpoch = 0;

  constructor(parts: LocalQuotaParts) {
    this.#parts = parts;
  }

  /** Starts that may be begun beyond what is used now; `dispatched`: of those used, what has not started yet. */
  room(nowMs: number, { using, dispatched }: { readonly using: number; readonly dispatched: number }): number {
    if (this.#asking || nowMs > this.#validToMs) return 0;
    return Math.max(0, Math.min(this.#running - using, this.#isRated ? this.#tokens - dispatched : Infinity));
  }

  /** There are places, but no starts. */
  lacksStarts({ using, dispatched }: { readonly using: number; readonly dispatched: number }): boolean {
    return this.#isRated && this.#tokens <= dispatched && this.#running > using;
  }

  /** An attempt has started. */
  started(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  /** Nothing is used or wanted, and the home knows. */
  get isIdle(): boolean {
    const { using, waiting } = this.#parts.demand();
    return !this.#asking && using + waiting + this.#reported.using + this.#reported.waiting === 0;
  }

  /** When it has to ask; Infinity while there is no reason to. */
  dueMs(): number {
    if (this.#asking) return Infinity;
    const { using, waiting } = this.#parts.demand();
    if (waiting > 0) return this.#askedMs + this.#againMs;
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

  /** What was granted before is over: there is another rule, or a new owner of the home was told what is used now. */
  revoke(homeEpoch = 0): void {
    this.#homeEpoch = Math.max(this.#homeEpoch, homeEpoch);
    this.#validToMs = -Infinity;
    this.#againMs = 0;
  }

  #answered(result: QuotaResult | undefined): void {
    this.#asking = false;
    if (result === undefined || result.epoch < this.#homeEpoch) {
      // What it gave may be lost, what it took may be gone.
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
