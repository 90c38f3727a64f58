/** What keeps the console live: the fold of a topic, the rounds of questions, the clock of the gateway. */
import { describe, expect, it } from 'vitest';
import { createPoller } from '../../../console/src/live/poller.ts';
import { createServerClock } from '../../../console/src/live/server-clock.ts';
import { emptyTopic, freshnessOf, nextTopic, nextWaitMs, type Topic } from '../../../console/src/live/topic.ts';
import { type CallResult, plainFailure } from '../../../console/src/wire/call.ts';

const away = plainFailure('unavailable', 'away');
const failed = (times: number, failure = away): Topic<number> => {
  let topic: Topic<number> = emptyTopic;
  for (let n = 0; n < times; n += 1) topic = nextTopic(topic, { type: 'failed', failure });
  return topic;
};

describe('a topic', () => {
  it('keeps what was seen while questions fail, and says how old it is', () => {
    const seen = nextTopic<number>(emptyTopic, { type: 'snapshot', value: 7, atMs: 1_000 });
    const after = nextTopic(seen, { type: 'failed', failure: away });
    expect(after).toEqual({ value: 7, atMs: 1_000, failure: away, failures: 1 });
    expect(freshnessOf(after, 2_000, 2_000)).toBe('fresh');
    expect(freshnessOf(after, 7_000, 2_000)).toBe('stale');
    expect([freshnessOf(emptyTopic, 0, 1), freshnessOf(failed(1), 0, 1)]).toEqual(['loading', 'failed']);
    expect(nextTopic(after, { type: 'snapshot', value: 8, atMs: 3_000 }).failure).toBeUndefined();
  });

  it('is asked for more and more slowly, no later than the gateway says, and not at all when that is of no use', () => {
    expect([0, 1, 2, 3, 9].map((times) => nextWaitMs(failed(times), 2_000))).toEqual([
      2_000, 4_000, 8_000, 16_000, 30_000,
    ]);
    expect(nextWaitMs(failed(1, { ...away, retryAfterMs: 45_000 }), 2_000)).toBe(45_000);
    expect(nextWaitMs(failed(1, plainFailure('permission_denied', 'no')), 2_000)).toBeUndefined();
  });
});

/** Time, answers and the sight of the page in the hands of the test. */
function stage() {
  let isHidden = false;
  const timers: { readonly run: () => void; readonly waitMs: number }[] = [];
  const asked: ((result: CallResult<number>) => void)[] = [];
  const poller = createPoller({
    nowMs: () => 5_000,
    isHidden: () => isHidden,
    setTimer(run, waitMs) {
      const timer = { run, waitMs };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
    },
  });
  const question = (key: string) => ({
    key,
    periodMs: 2_000,
    ask: () => new Promise<CallResult<number>>((resolve) => asked.push(resolve)),
  });
  const answer = async (result: CallResult<number>): Promise<void> => {
    asked.shift()?.(result);
    await Promise.resolve();
    await Promise.resolve();
  };
  const ok = (value: number): CallResult<number> => ({ isOk: true, answer: value, serverMs: undefined });
  return { poller, timers, asked, question, answer, ok, hide: (value: boolean) => void (isHidden = value) };
}

describe('rounds of questions', () => {
  it('have one under way, and the next a period after the answer', async () => {
    const { poller, timers, asked, question, answer, ok } = stage();
    const { topic, stop } = poller.follow(question('a'));
    expect([asked.length, timers.length]).toEqual([1, 0]);
    await answer(ok(1));
    expect([topic.value.value, timers.map(({ waitMs }) => waitMs)]).toEqual([1, [2_000]]);
    stop();
    expect(timers).toEqual([]);
  });

  it('rest while the page is hidden, and go on at once when it is seen', async () => {
    const { poller, timers, asked, question, answer, ok, hide } = stage();
    poller.follow(question('a'));
    await answer(ok(1));
    hide(true);
    timers.pop()?.run();
    expect(asked).toEqual([]);
    hide(false);
    poller.wake();
    expect(asked).toHaveLength(1);
  });

  it('ask again after an action, even when one is under way', async () => {
    const { poller, timers, asked, question, answer, ok } = stage();
    const { refresh } = poller.follow(question('a'));
    refresh();
    expect(asked).toHaveLength(1);
    await answer(ok(1));
    expect(timers.map(({ waitMs }) => waitMs)).toEqual([0]);
  });

  it('tell nobody who has gone, and remember for whoever comes back', async () => {
    const { poller, question, answer, ok } = stage();
    const first = poller.follow(question('a'));
    await answer(ok(1));
    first.refresh();
    first.stop();
    await answer(ok(2));
    expect(poller.follow(question('a')).topic.value.value).toBe(1);
    expect(poller.follow(question('b')).topic.value.value).toBeUndefined();
  });
});

it('the clock of the gateway is the median of what was heard, and none when it is as good as ours', () => {
  const clock = createServerClock();
  expect(clock.offsetMs()).toBe(0);
  for (const offset of [60_000, 61_000, 5_000_000, 60_500, 60_200]) clock.learn(offset, 0);
  expect(clock.offsetMs()).toBe(60_500);
  const near = createServerClock();
  near.learn(1_400, 1_000);
  expect(near.offsetMs()).toBe(0);
});
