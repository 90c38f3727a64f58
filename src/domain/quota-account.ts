/**
 * The account of one cluster-wide limit, kept by the shard that is its home: how much of the limit each shard (a
 * holder) may use.
 * Holders ask a few times a second while they need any, and report what they use. An answer is valid until they ask
 * again.
 *
 * Invariants:
 * - The limit is never exceeded. What a holder was granted counts as used until it reports less, or has been silent for
 *   `forgetMs`. That is longer than a holder uses a grant without renewing it, and longer than the recovery of a shard
 *   takes.
 * - Starts are tokens of a bucket. A grant removes them for good. The bucket is filled only while it and the unused
 *   tokens of holders stay within the burst, so in any time t there are at most `burst + rate × t` starts.
 * - A late request (delayed, duplicated, or from a former owner that was stopped) reports old usage. It changes nothing
 *   and is granted nothing. Otherwise, what its holder uses now would be granted to others.
 *
 * It changes nothing but its own state. Times are monotonic ms.
 */
import type { RateRule } from './flow-rule.ts';
import { given } from './given.ts';

/** A cluster-wide limit. An absent part is unlimited. */
export interface LimitRule {
  readonly maxRunning?: number;
  readonly rate?: RateRule;
}

/** What a holder reports and needs. */
export interface QuotaRequest {
  /** The shard that asks. */
  readonly holder: number;
  /** Jobs that count now: running, or dispatched to nodes. The holder starts no further job until it has the answer. */
  readonly using: number;
  /** Jobs that could start at once. */
  readonly waiting: number;
  /** Starts that were granted and not used. */
  readonly tokens: number;
  /** Absent if an older version asks. */
  readonly order?: AskOrder;
}

/** Orders the requests of a holder: by the epoch of the shard's owner, then by that owner's own count. */
interface AskOrder {
  readonly epoch: number;
  readonly number: number;
}

/** What a holder may use until it asks again. */
export interface QuotaLease {
  /** The holder may start jobs while it uses fewer than this. If absent, there is no limit. */
  readonly running?: number;
  /** Further starts that are granted. If absent, there is no limit. */
  readonly tokens?: number;
  /** When to ask again, if the holder still needs more. */
  readonly againMs: number;
}

interface Holder {
  using: number;
  waiting: number;
  granted: number;
  tokens: number;
  heardMs: number;
  order: AskOrder | undefined;
  /** Consecutive answers without a grant, given because not all holders were known. */
  closedAnswers: number;
}

/**
 * A holder that was silent for this long uses nothing any more: its shard has a new owner, and that owner has asked.
 */
export const forgetMs = 30_000;
/** When a holder should ask again, in ms. */
const againMs = { least: 20, usual: 250, most: 1_000 } as const;
/** What cannot be divided evenly goes to other holders after this time. */
const turnMs = 1_000;

/** The account of one limit. */
export class QuotaAccount {
  readonly #holders = new Map<number, Holder>();
  #rule: LimitRule;
  #level = 0;
  #filledMs: number;

  /** `sinceMs` is the time from which only this home has granted anything. We assume that the bucket was empty then. */
  constructor(rule: LimitRule, sinceMs: number) {
    this.#rule = rule;
    this.#filledMs = sinceMs;
  }

  setRule(rule: LimitRule): void {
    this.#rule = rule;
  }

  /** Records what a holder used when this home started. A request since then is newer and takes precedence. */
  learn(holder: number, using: number, nowMs: number): void {
    if (this.#holders.has(holder)) return;
    this.#holders.set(holder, {
      using,
      waiting: 0,
      granted: using,
      tokens: 0,
      heardMs: nowMs,
      order: undefined,
      closedAnswers: 0,
    });
  }

  /** Answers a request. With `closed` nothing new is granted, because not all holders are known yet. */
  ask({ holder, using, waiting, tokens, order }: QuotaRequest, nowMs: number, closed = false): QuotaLease {
    this.#forget(nowMs);
    const known = this.#holders.get(holder);
    if (isLate(order, known?.order)) return { running: 0, tokens: 0, againMs: againMs.usual };
    const mine = known ?? { using, waiting, granted: 0, tokens: 0, heardMs: nowMs, order, closedAnswers: 0 };
    const heard = { using, waiting, tokens, heardMs: nowMs, order: order ?? known?.order };
    this.#holders.set(holder, Object.assign(mine, heard));
    if (closed) {
      mine.granted = Math.max(mine.granted, using);
      // This usually ends at once, but it can last for `forgetMs`.
      const waitMs = Math.min(againMs.most, againMs.least * 2 ** Math.min(mine.closedAnswers, 10));
      mine.closedAnswers += 1;
      return { running: 0, tokens: 0, againMs: waitMs };
    }
    mine.closedAnswers = 0;
    const running = this.#grantRunning(holder, mine, nowMs);
    const starts = this.#grantTokens(mine, nowMs);
    return {
      ...given({ running, tokens: starts?.granted }),
      againMs: starts?.againMs ?? againMs.usual,
    };
  }

  /**
   * True if nobody uses or wants any part of the limit, and the bucket is full. An account that is opened later begins with a
   * full one, so whoever closes this one before would give the burst again.
   */
  isIdle(nowMs: number): boolean {
    this.#forget(nowMs);
    const { rate } = this.#rule;
    if (rate !== undefined && this.#filled(rate, nowMs) < rate.burst) return false;
    return [...this.#holders.values()].every(({ using, waiting, tokens }) => using + waiting + tokens === 0);
  }

  #grantRunning(holder: number, mine: Holder, nowMs: number): number | undefined {
    const { maxRunning } = this.#rule;
    if (maxRunning === undefined) return undefined;
    let taken = 0;
    for (const [other, { using, granted }] of this.#holders) {
      if (other !== holder) taken += Math.max(using, granted);
    }
    const demands = [...this.#holders].map(([id, { using, waiting }]) => ({ id, demand: using + waiting }));
    const share = fairShares(maxRunning, demands, Math.floor(nowMs / turnMs)).get(holder) ?? 0;
    const running = Math.max(0, Math.min(share, maxRunning - taken));
    mine.granted = Math.max(mine.using, running);
    return running;
  }

  #grantTokens(mine: Holder, nowMs: number): { readonly granted: number; readonly againMs: number } | undefined {
    const { rate } = this.#rule;
    if (rate === undefined) return undefined;
    let held = 0;
    let wanting = 0;
    for (const { tokens, waiting } of this.#holders.values()) {
      held += tokens;
      if (waiting > tokens) wanting += 1;
    }
    this.#level = Math.max(0, Math.min(rate.burst - held, this.#filled(rate, nowMs)));
    this.#filledMs = nowMs;
    const wanted = Math.max(0, Math.min(mine.waiting, rate.burst) - mine.tokens);
    const granted = Math.min(wanted, Math.floor(this.#level), Math.ceil(this.#level / Math.max(1, wanting)));
    mine.tokens += granted;
    this.#level -= granted;
    const nextMs = ((1 - (this.#level % 1)) * 1_000) / rate.perSecond;
    return { granted, againMs: Math.min(againMs.most, Math.max(againMs.least, Math.ceil(nextMs))) };
  }

  /** What the bucket has now, if it were of any size. */
  #filled({ perSecond }: RateRule, nowMs: number): number {
    return this.#level + ((nowMs - this.#filledMs) * perSecond) / 1_000;
  }

  #forget(nowMs: number): void {
    for (const [id, { heardMs }] of this.#holders) if (nowMs - heardMs > forgetMs) this.#holders.delete(id);
  }
}

function isLate(order: AskOrder | undefined, heard: AskOrder | undefined): boolean {
  if (order === undefined || heard === undefined) return false;
  return order.epoch < heard.epoch || (order.epoch === heard.epoch && order.number <= heard.number);
}

/**
 * Divides a whole number. Nobody gets more than it wants, the rest goes to the others, and what cannot be divided goes
 * to different holders with each `turn`.
 */
export function fairShares(
  total: number,
  demands: readonly { readonly id: number; readonly demand: number }[],
  turn: number,
): ReadonlyMap<number, number> {
  const shares = new Map<number, number>();
  let left = total;
  let open = demands.filter(({ demand }) => demand > 0);
  for (;;) {
    const even = Math.floor(left / Math.max(1, open.length));
    const content = open.filter(({ demand }) => demand <= even);
    if (content.length === 0) {
      const first = open.length === 0 ? 0 : turn % open.length;
      const rest = left - even * open.length;
      open.forEach(({ id }, account) => {
        const place = (account - first + open.length) % open.length;
        shares.set(id, even + (place < rest ? 1 : 0));
      });
      return shares;
    }
    for (const { id, demand } of content) {
      shares.set(id, demand);
      left -= demand;
    }
    open = open.filter(({ demand }) => demand > even);
  }
}
