/** Shards that ask, use, finish and lose answers in any order: the limit of the cluster is never passed, and nobody starves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type QuotaLease,
  type QuotaRequest,
  QuotaAccount,
  fairShares,
  forgetMs,
} from '../../../src/domain/quota-account.ts';

const longAgoMs = -1e9;

/** A shard as the protocol has it: begins nothing while it asks, trusts only an answer that came. */
class Holder {
  using = 0;
  tokens = 0;
  running = 0;
  readonly id: number;
  /** What it asked, to be heard again, late. */
  readonly asked: QuotaRequest[] = [];
  #epoch = 1;

  constructor(id: number) {
    this.id = id;
  }

  ask(book: QuotaAccount, waiting: number, nowMs: number, isLost: boolean): QuotaLease | undefined {
    this.running = 0;
    const { using, tokens, id: holder } = this;
    const ask = { holder, using, waiting, tokens, order: { epoch: this.#epoch, number: this.asked.length } };
    this.asked.push(ask);
    const answer = book.ask(ask, nowMs);
    if (isLost) return undefined;
    this.running = answer.running ?? Infinity;
    this.tokens += answer.tokens ?? 0;
    return answer;
  }

  /** Another owner goes on with what runs, and has been granted nothing. */
  takenOver(book: QuotaAccount, nowMs: number): void {
    this.#epoch += 1;
    this.tokens = 0;
    this.ask(book, 0, nowMs, true);
  }

  /** Begins as many as it may, and wants. */
  begin(wanted: number, rated: boolean): number {
    const room = Math.max(0, this.running - this.using);
    const begun = Math.min(wanted, room, rated ? this.tokens : Infinity);
    this.using += begun;
    if (rated) this.tokens -= begun;
    return begun;
  }
}

/** A question that was delayed, or doubled, or is of a former owner of the shard. */
function askAgain(book: QuotaAccount, { asked }: Holder, which: number, nowMs: number): void {
  const late = asked[which % Math.max(1, asked.length)];
  if (late !== undefined) book.ask(late, nowMs);
}

const steps = fc.array(
  fc.record({
    holder: fc.integer({ min: 0, max: 3 }),
    act: fc.constantFrom('ask', 'ask', 'ask-lost', 'ask-late', 'recovery', 'begin', 'begin', 'end'),
    amount: fc.integer({ min: 0, max: 20 }),
    afterMs: fc.integer({ min: 0, max: 600 }),
  }),
  { maxLength: 300 },
);

describe('an allotment book', () => {
  it('never lets more run than the limit, whatever is lost', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (script, maxRunning) => {
        const book = new QuotaAccount({ maxRunning }, 0);
        const holders = [0, 1, 2, 3].map((id) => new Holder(id));
        // No longer than a holder may be silent: one that is forgotten has nothing left.
        const stepMs = (afterMs: number): number => Math.min(afterMs, forgetMs / (script.length + 1));
        let nowMs = 0;
        for (const { holder, act, amount, afterMs } of script) {
          nowMs += stepMs(afterMs);
          const one = holders[holder];
          if (one === undefined) continue;
          if (act === 'ask' || act === 'ask-lost') one.ask(book, amount, nowMs, act === 'ask-lost');
          else if (act === 'ask-late') askAgain(book, one, amount, nowMs);
          else if (act === 'recovery') one.takenOver(book, nowMs);
          else if (act === 'begin') one.begin(amount, false);
          else one.using = Math.max(0, one.using - amount);
          expect(holders.reduce((sum, { using }) => sum + using, 0)).toBeLessThanOrEqual(maxRunning);
        }
      }),
    );
  });

  it('in no stretch of time lets more start than the burst and what the rate gives meanwhile', () => {
    const rates = fc.record({
      perSecond: fc.double({ min: 0.5, max: 200, noNaN: true }),
      burst: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(steps, rates, (script, rate) => {
        let book = new QuotaAccount({ rate }, longAgoMs);
        const holders = [0, 1, 2, 3].map((id) => new Holder(id));
        const starts: { readonly atMs: number; readonly count: number }[] = [];
        let nowMs = 0;
        for (const { holder, act, amount, afterMs } of script) {
          nowMs += Math.min(afterMs, forgetMs / (script.length + 1));
          const one = holders[holder];
          if (one === undefined) continue;
          if (act === 'ask' || act === 'ask-lost') one.ask(book, amount, nowMs, act === 'ask-lost');
          else if (act === 'ask-late') askAgain(book, one, amount, nowMs);
          else if (act === 'begin') starts.push({ atMs: nowMs, count: one.begin(amount, true) });
          else if (act === 'end') one.using = Math.max(0, one.using - amount);
          // The home closes an account that nobody uses, and opens another for the next question.
          if (book.isIdle(nowMs)) book = new QuotaAccount({ rate }, longAgoMs);
        }
        for (let from = 0; from < starts.length; from += 1) {
          let sum = 0;
          for (const { atMs, count } of starts.slice(from)) {
            sum += count;
            const elapsedMs = atMs - (starts[from]?.atMs ?? 0);
            expect(sum).toBeLessThanOrEqual(rate.burst + (rate.perSecond * elapsedMs) / 1_000 + 1e-6);
          }
        }
      }),
    );
  });

  it('is not idle before its bucket is full again, because the next account begins with a full one', () => {
    const rule = { rate: { perSecond: 0.1, burst: 10 } };
    const book = new QuotaAccount(rule, longAgoMs);
    expect(book.isIdle(0)).toBe(true);
    expect(book.ask({ holder: 1, using: 0, waiting: 10, tokens: 0 }, 0)).toMatchObject({ tokens: 10 });
    expect(book.ask({ holder: 1, using: 0, waiting: 0, tokens: 0 }, 500)).toMatchObject({ tokens: 0 });
    expect(book.isIdle(99_000)).toBe(false);
    expect(book.isIdle(100_000)).toBe(true);
  });

  it('gives one that waits alone all of it, at once', () => {
    const book = new QuotaAccount({ maxRunning: 7, rate: { perSecond: 1, burst: 5 } }, longAgoMs);
    expect(book.ask({ holder: 1, using: 0, waiting: 100, tokens: 0 }, 0)).toMatchObject({ running: 7, tokens: 5 });
  });

  it('lets each of many that wait have a turn, also of a single place', () => {
    const book = new QuotaAccount({ maxRunning: 1 }, 0);
    const holders = [0, 1, 2, 3].map((id) => new Holder(id));
    const turns = new Set<number>();
    for (let nowMs = 0; nowMs < 10_000; nowMs += 250) {
      for (const holder of holders) {
        holder.using = 0;
        holder.ask(book, 5, nowMs, false);
        if (holder.begin(1, false) > 0) turns.add(holder.id);
      }
    }
    expect(turns).toEqual(new Set([0, 1, 2, 3]));
  });

  it('forgets who is silent for long, and keeps what it had until then', () => {
    const book = new QuotaAccount({ maxRunning: 2 }, 0);
    book.learn(1, 2, 0);
    expect(book.ask({ holder: 2, using: 0, waiting: 5, tokens: 0 }, forgetMs)).toMatchObject({ running: 0 });
    expect(book.ask({ holder: 2, using: 0, waiting: 5, tokens: 0 }, forgetMs + 1)).toMatchObject({ running: 2 });
    expect(book.isIdle(forgetMs + 1)).toBe(false);
    expect(book.isIdle(3 * forgetMs)).toBe(true);
  });

  it('knows what a holder uses from its newest question: one of a former owner changes nothing', () => {
    const book = new QuotaAccount({ maxRunning: 2 }, 0);
    const of = (holder: number, using: number, epoch: number, number: number) =>
      book.ask({ holder, using, waiting: 5, tokens: 0, order: { epoch, number } }, 100);
    expect(of(1, 2, 4, 7)).toMatchObject({ running: 2 });
    expect(of(1, 0, 3, 9)).toMatchObject({ running: 0 });
    expect(of(1, 0, 4, 7)).toMatchObject({ running: 0 });
    expect(of(2, 0, 1, 1)).toMatchObject({ running: 0 });
    expect(of(1, 0, 5, 1)).toMatchObject({ running: 1 });
    expect(of(2, 0, 1, 2)).toMatchObject({ running: 1 });
  });

  it('believes an older version, whose questions have no order', () => {
    const book = new QuotaAccount({ maxRunning: 2 }, 0);
    const ask = { holder: 1, using: 2, waiting: 0, tokens: 0 };
    expect(book.ask({ ...ask, order: { epoch: 4, number: 1 } }, 0)).toMatchObject({ running: 2 });
    expect(book.ask({ ...ask, using: 0 }, 0)).toMatchObject({ running: 0 });
    expect(book.ask({ ...ask, holder: 2, using: 0, waiting: 3 }, 0)).toMatchObject({ running: 2 });
    expect(book.ask({ ...ask, order: { epoch: 4, number: 1 } }, 0)).toMatchObject({ running: 0 });
  });

  it('gives nothing new while not all holders are known', () => {
    const book = new QuotaAccount({ maxRunning: 2, rate: { perSecond: 10, burst: 5 } }, 0);
    expect(book.ask({ holder: 2, using: 1, waiting: 5, tokens: 0 }, 10, true)).toMatchObject({ running: 0, tokens: 0 });
  });

  it('lets who asks meanwhile wait longer each time, a second at most, and no longer once it gives', () => {
    const book = new QuotaAccount({ maxRunning: 2 }, 0);
    const ask = { holder: 2, using: 0, waiting: 5, tokens: 0 };
    const waits = Array.from({ length: 20 }, () => book.ask(ask, 10, true).againMs);
    expect(waits.slice(0, 8)).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    expect(Math.max(...waits)).toBe(1_000);
    expect(book.ask({ ...ask, holder: 3 }, 10, true).againMs).toBe(20);
    expect(book.ask(ask, 20)).toMatchObject({ running: 1, againMs: 250 });
    expect(book.ask(ask, 30, true).againMs).toBe(20);
  });
});

describe('fair shares', () => {
  it('add up to what there is or what is wanted, and differ by one among those who want more', () => {
    const demands = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.nat(100), demands, fc.nat(1_000), (total, wanted, turn) => {
        const shares = fairShares(
          total,
          wanted.map((demand, id) => ({ id, demand })),
          turn,
        );
        const got = wanted.map((_, id) => shares.get(id) ?? 0);
        const sum = (of: readonly number[]): number => of.reduce((one, other) => one + other, 0);
        expect(sum(got)).toBe(Math.min(total, sum(wanted)));
        const short = got.filter((share, id) => share < (wanted[id] ?? 0));
        if (short.length > 0) {
          expect(Math.max(...short) - Math.min(...short)).toBeLessThanOrEqual(1);
          expect(Math.max(...got)).toBeLessThanOrEqual(Math.min(...short) + 1);
        }
      }),
    );
  });
});
