/**
 * The quota of running jobs of a tenant, as far as this shard goes. It is granted by a home, as the limit of a queue is
 * (see `LocalQuota`). Jobs that are sent count as running.
 *
 * All queues of the tenant draw on it. A queue that has work does not take it, but has its turn: each turn is one job,
 * and the queues that have work take their turns in fair order. Without a quota nobody comes here.
 */
import { FairOrder, type FairShare } from '../../../domain/fair-order.ts';
import type { LimitRule } from '../../../domain/quota-account.ts';
import type { TenantTally } from '../table/tenant-tally.ts';
import type { AsksHomes } from './limit-questions.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';

/** What the quota needs of the limiter of a queue. */
export interface TakesTurns {
  readonly queue: string;
  /** Jobs that could go if the tenant had room, as far as anybody knows. */
  readonly startable: number;
  /** Sends at most so many of the jobs that may go. Returns how many it sent: 0 until something happens to the queue. */
  dispatch(most: number): number;
  /** There is a quota now and there was none, so jobs that are sent wait for their turn again. */
  recall(): void;
}

export interface TenantQuotaParts<Queue extends TakesTurns> {
  readonly tenant: string;
  readonly tally: () => Readonly<TenantTally>;
  readonly monotonicMs: () => number;
  readonly ask: LocalQuotaParts['ask'];
  /** The limiter had a turn. */
  readonly hadTurn: (limiter: Queue) => void;
}

export class TenantQuota<Queue extends TakesTurns> implements AsksHomes {
  readonly #parts: TenantQuotaParts<Queue>;
  readonly #quota: LocalQuota;
  /** Each with what takes it out of the order. */
  readonly #limiters = new Map<Queue, () => void>();
  /** Undefined without a quota. */
  #limit: number | undefined;
  #order = new FairOrder<Queue>();
  #isSharing = false;

  constructor(parts: TenantQuotaParts<Queue>, rule: LimitRule) {
    this.#parts = parts;
    this.#limit = rule.maxRunning;
    this.#quota = new LocalQuota({
      limit: { tenant: parts.tenant },
      demand: () => ({ using: this.using, waiting: this.#startable() }),
      ask: parts.ask,
      changed: () => {
        this.#share();
      },
    });
  }

  get isLimited(): boolean {
    return this.#limit !== undefined;
  }

  /** Jobs of the tenant that run or may start at any moment. */
  get using(): number {
    const { running, sent } = this.#parts.tally();
    return running + sent;
  }

  /** How many more jobs of the tenant may be sent. */
  room(): number {
    if (this.#limit === undefined) return Infinity;
    const { running, sent } = this.#parts.tally();
    return this.#quota.room(this.#parts.monotonicMs(), { using: running + sent, dispatched: sent });
  }

  add(limiter: Queue): void {
    this.#limiters.set(limiter, this.isLimited ? this.#order.add(pathOf(limiter), limiter) : () => undefined);
  }

  remove(limiter: Queue): void {
    this.#limiters.get(limiter)?.();
    this.#limiters.delete(limiter);
  }

  /** What was granted under the former rule has to be asked for again. */
  setRule({ maxRunning }: LimitRule): void {
    const before = this.#limit;
    if (maxRunning === before) return;
    this.#limit = maxRunning;
    this.#quota.revoke();
    if (before !== undefined && maxRunning !== undefined) return;
    this.#order = new FairOrder();
    for (const limiter of [...this.#limiters.keys()]) {
      this.add(limiter);
      if (this.isLimited) limiter.recall();
    }
  }

  /** The queue may have work. It is sent as soon as its turn comes, which may be at once. */
  hasWork(limiter: Queue): void {
    this.#order.waits(pathOf(limiter));
    this.#share();
  }

  /** Nothing is left that anybody has to know. */
  get isIdle(): boolean {
    return this.#limiters.size === 0 && (!this.isLimited || this.#quota.isIdle);
  }

  get asksHomes(): boolean {
    return this.isLimited;
  }

  askDueMs(): number {
    return this.isLimited ? this.#quota.dueMs() : Infinity;
  }

  ask(): void {
    if (this.isLimited) this.#quota.askIfDue(this.#parts.monotonicMs());
  }

  /** See `LocalQuota.revoke`. */
  revoke(homeEpoch: number): void {
    this.#quota.revoke(homeEpoch);
  }

  /** More than the whole limit is never granted, so it need not be counted. */
  #startable(): number {
    if (this.#limit === undefined) return 0;
    let startable = 0;
    for (const limiter of this.#limiters.keys()) {
      startable += limiter.startable;
      if (startable >= this.#limit) return this.#limit;
    }
    return startable;
  }

  /** One turn after the other, while there is room. A queue that sends nothing has no more turns until it has work again. */
  #share(): void {
    if (this.#isSharing) return;
    this.#isSharing = true;
    try {
      while (this.room() > 0) {
        const next = this.#order.next(() => true);
        if (next === undefined) return;
        const sent = next.dispatch(1);
        if (sent === 0) this.#order.rests(pathOf(next));
        else this.#order.served(pathOf(next), sent);
        this.#parts.hadTurn(next);
      }
    } finally {
      this.#isSharing = false;
    }
  }
}

function pathOf({ queue }: TakesTurns): readonly FairShare[] {
  return [{ name: queue, weight: 1 }];
}
