/**
 * Asks for what the page shows, again and again: one call at a time for each topic, none while the page is hidden, more and
 * more slowly while they fail. What was heard is kept for a while, so that going back shows it at once.
 */
import { type Signal, signal } from '@preact/signals';
import type { CallResult } from '../wire/call.ts';
import { emptyTopic, nextTopic, nextWaitMs, type Topic } from './topic.ts';

interface Question<Value> {
  /** Same key, same answer. */
  readonly key: string;
  /** 0: ask once. */
  readonly periodMs: number;
  readonly ask: (signal: AbortSignal) => Promise<CallResult<Value>>;
}

export interface Subscription<Value> {
  readonly topic: Signal<Topic<Value>>;
  /** Asks now, such as after an action. */
  refresh(): void;
  stop(): void;
}

export interface Poller {
  readonly follow: <Value>(question: Question<Value>) => Subscription<Value>;
  /** The page is seen again, or somebody has signed in. */
  wake(): void;
}

export interface PollerParts {
  readonly nowMs: () => number;
  readonly isHidden: () => boolean;
  readonly setTimer: (run: () => void, waitMs: number) => () => void;
}

const keptTopics = 60;

interface Round {
  readonly run: () => void;
}

export function createPoller({ nowMs, isHidden, setTimer }: PollerParts): Poller {
  const kept = new Map<string, Signal<Topic<unknown>>>();
  const rounds = new Set<Round>();

  function topicOf<Value>(key: string): Signal<Topic<Value>> {
    const topic = kept.get(key) ?? signal<Topic<unknown>>(emptyTopic);
    kept.delete(key);
    kept.set(key, topic);
    const [oldest] = kept.keys();
    if (kept.size > keptTopics && oldest !== undefined) kept.delete(oldest);
    return topic as Signal<Topic<Value>>;
  }

  return {
    follow<Value>({ key, periodMs, ask }: Question<Value>): Subscription<Value> {
      const topic = topicOf<Value>(key);
      const end = new AbortController();
      let isAsking = false;
      let isWanted = false;
      let cancelTimer = (): void => undefined;

      const hear = (result: CallResult<Value>): void => {
        isAsking = false;
        if (end.signal.aborted) return;
        topic.value = result.isOk
          ? nextTopic(topic.value, { type: 'snapshot', value: result.answer, atMs: nowMs() })
          : nextTopic(topic.value, { type: 'failed', failure: result.failure });
        const waitMs = isWanted ? 0 : nextWaitMs(topic.value, periodMs);
        const isOnce = periodMs === 0 && result.isOk && !isWanted;
        isWanted = false;
        if (waitMs !== undefined && !isOnce) cancelTimer = setTimer(run, waitMs);
      };
      const run = (): void => {
        cancelTimer();
        if (isAsking) isWanted = true;
        if (isAsking || isHidden()) return;
        isAsking = true;
        void ask(end.signal).then(hear);
      };
      const round: Round = { run };
      rounds.add(round);
      run();
      return {
        topic,
        refresh: run,
        stop() {
          rounds.delete(round);
          cancelTimer();
          end.abort();
        },
      };
    },
    wake() {
      for (const { run } of rounds) run();
    },
  };
}
