import { describe, expect, it } from 'vitest';
import type { ShardClient } from '../../../../src/application/ports/shard-link.ts';
import { SilentShards } from '../../../../src/application/protocol/silent-shards.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createManualClock } from '../manual-clock.ts';

interface Open {
  readonly shard: number;
  readonly item: unknown;
  readonly timeoutMs: number;
  answer(): void;
  fail(code: 'OUTCOME_UNKNOWN' | 'SHARD_UNAVAILABLE' | 'BROKER_UNAVAILABLE'): void;
}

/** What callers ask for. The shard is asked for another job. */
const wanted = { jobId: 'wanted' as never };

/** A link whose answers the test gives by hand. */
function setUp() {
  const open: Open[] = [];
  const told: number[] = [];
  const client: ShardClient = {
    call: (shard, _verb, items, timeoutMs) =>
      new Promise((resolve, reject) => {
        const answer = (): void => resolve(items.map(() => ({ ok: 'done' }) as never));
        open.push({ shard, item: items[0], timeoutMs, answer, fail: (code) => reject(new TroupeError(code)) });
      }),
  };
  const clock = createManualClock();
  const watched = new SilentShards({ client, clock, told: (silent) => told.push(silent) });
  const call = (shard = 1): Promise<string> =>
    watched.call(shard, 'get', [wanted], 10_000).then(
      () => 'answered',
      (error: unknown) => (error as TroupeError).code,
    );
  /** Lets what is settled reach those who wait for it. */
  const turn = async (): Promise<void> => {
    for (let n = 0; n < 10; n += 1) await Promise.resolve();
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  const questions = (): Open[] => open.filter(({ item }) => item !== wanted);
  const last = (): Open => {
    const question = questions().at(-1);
    if (question === undefined) throw new Error('nothing was asked');
    return question;
  };
  /** Nobody answers the question. */
  const keepSilent = async (forMs = 1_500): Promise<void> => {
    clock.advance(forMs);
    last().fail('OUTCOME_UNKNOWN');
    await turn();
  };
  const stop = (): void => watched.stop();
  return { open, told, clock, call, turn, advance, keepSilent, questions, last, stop };
}

describe('a shard that answers nothing', () => {
  it('is asked after 1.5 s, and is silent 1.5 s later: who waits and who comes is told', async () => {
    const { call, advance, questions, last, told, keepSilent } = setUp();
    const waiting = call();
    await advance(1_499);
    expect(questions()).toEqual([]);
    await advance(1);
    expect(last()).toMatchObject({ shard: 1, timeoutMs: 1_500 });
    await keepSilent();
    expect(await waiting).toBe('OUTCOME_UNKNOWN');
    expect(await call()).toBe('SHARD_UNAVAILABLE');
    expect(told).toEqual([1]);
  });

  it('is asked twice a second until it answers, and then gets calls again', async () => {
    const { open, call, turn, advance, questions, last, told, keepSilent } = setUp();
    void call();
    await advance(1_500);
    await keepSilent();
    for (let n = 2; n < 5; n += 1) {
      await advance(500);
      expect(questions()).toHaveLength(n);
      await keepSilent();
      expect(await call()).toBe('SHARD_UNAVAILABLE');
    }
    await advance(500);
    last().answer();
    await turn();
    expect(told).toEqual([1, 0]);
    const again = call();
    open.at(-1)?.answer();
    expect(await again).toBe('answered');
    await advance(60_000);
    expect(questions()).toHaveLength(5);
  });

  it('has no owner any more if nobody hears the question: calls get the answer of the link', async () => {
    const { open, call, turn, advance, last, told } = setUp();
    const waiting = call();
    await advance(1_500);
    last().fail('SHARD_UNAVAILABLE');
    expect(await waiting).toBe('OUTCOME_UNKNOWN');
    const next = call();
    await turn();
    open.at(-1)?.fail('SHARD_UNAVAILABLE');
    expect(await next).toBe('SHARD_UNAVAILABLE');
    expect(told).toEqual([]);
  });

  it('is apart from the others', async () => {
    const { open, call, advance, keepSilent } = setUp();
    void call(1);
    await advance(1_500);
    await keepSilent();
    const other = call(2);
    open.at(-1)?.answer();
    expect(await other).toBe('answered');
    expect(await call(1)).toBe('SHARD_UNAVAILABLE');
  });
});

describe('a shard that is slow', () => {
  it('keeps its calls if it answers the question', async () => {
    const { open, call, turn, advance, questions, last } = setUp();
    const slow = call();
    for (let n = 1; n <= 3; n += 1) {
      await advance(2_000);
      expect(questions()).toHaveLength(n);
      last().answer();
      await turn();
    }
    open[0]?.answer();
    expect(await slow).toBe('answered');
    await advance(60_000);
    expect(questions()).toHaveLength(3);
  });

  it('is not asked while it answers others, and an answer meanwhile counts more than a lost question', async () => {
    const { open, call, advance, questions, last, told } = setUp();
    const slow = call();
    for (let n = 0; n < 5; n += 1) {
      await advance(1_000);
      const quick = call();
      open.at(-1)?.answer();
      expect(await quick).toBe('answered');
    }
    expect(questions()).toEqual([]);
    await advance(1_500);
    const question = last();
    const quick = call();
    open.at(-1)?.answer();
    expect(await quick).toBe('answered');
    question.fail('OUTCOME_UNKNOWN');
    await advance(0);
    expect(told).toEqual([]);
    open[0]?.answer();
    expect(await slow).toBe('answered');
  });
});

describe('a link that is away', () => {
  it('says nothing of the shard: it is asked again, and its calls end as the link says', async () => {
    const { open, call, turn, advance, questions, last, told } = setUp();
    const waiting = call();
    await advance(1_500);
    for (let n = 1; n < 4; n += 1) {
      expect(questions()).toHaveLength(n);
      last().fail('BROKER_UNAVAILABLE');
      await turn();
      await advance(500);
    }
    open[0]?.fail('OUTCOME_UNKNOWN');
    expect(await waiting).toBe('OUTCOME_UNKNOWN');
    expect(told).toEqual([]);
  });
});

it('is not watched any more after the stop', async () => {
  const { call, advance, questions, stop } = setUp();
  void call();
  stop();
  await advance(60_000);
  expect(questions()).toEqual([]);
});

describe('a process that does not see answers', () => {
  it('takes no shard for silent if it stood still itself: the answers lie unread', async () => {
    const { open, call, advance, keepSilent, questions, last, turn, told } = setUp();
    const waiting = call();
    await advance(1_500);
    await keepSilent(4_000);
    expect(told).toEqual([]);
    open[0]?.answer();
    expect(await waiting).toBe('answered');
    void call();
    await advance(1_500);
    expect(questions()).toHaveLength(2);
    last().answer();
    await turn();
    expect(told).toEqual([]);
  });

  it('takes no shard for silent because the link was lost', async () => {
    const { call, advance, keepSilent, questions, told } = setUp();
    void call();
    await advance(1_500);
    await keepSilent(100);
    expect(told).toEqual([]);
    await advance(500);
    expect(questions()).toHaveLength(2);
    await keepSilent();
    expect(told).toEqual([1]);
  });
});
