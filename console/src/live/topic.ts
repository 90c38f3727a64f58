/**
 * The state of one thing on the page, as a fold over what is heard of it. Polling feeds it now; a stream of events can feed
 * it the same messages.
 */
import type { CallFailure } from '../wire/call.ts';

export interface Topic<Value> {
  readonly value: Value | undefined;
  /** When the value came, by the clock here. */
  readonly atMs: number | undefined;
  /** What went wrong since then. */
  readonly failure: CallFailure | undefined;
  /** Failures in a row. */
  readonly failures: number;
}

export type TopicMessage<Value> =
  | { readonly type: 'snapshot'; readonly value: Value; readonly atMs: number }
  | { readonly type: 'failed'; readonly failure: CallFailure };

export type Freshness = 'loading' | 'fresh' | 'stale' | 'failed';

export const emptyTopic: Topic<never> = { value: undefined, atMs: undefined, failure: undefined, failures: 0 };

export function nextTopic<Value>(topic: Topic<Value>, message: TopicMessage<Value>): Topic<Value> {
  switch (message.type) {
    case 'snapshot':
      return { value: message.value, atMs: message.atMs, failure: undefined, failures: 0 };
    case 'failed':
      // What was seen stays, with its age: at 3 a.m. an old figure is better than none.
      return { ...topic, failure: message.failure, failures: topic.failures + 1 };
  }
}

/** Stale: two rounds were missed, and three seconds at least. */
export function freshnessOf(topic: Topic<unknown>, nowMs: number, periodMs: number): Freshness {
  if (topic.atMs === undefined) return topic.failure === undefined ? 'loading' : 'failed';
  return nowMs - topic.atMs > Math.max(3_000, 2.5 * periodMs) ? 'stale' : 'fresh';
}

const longestWaitMs = 30_000;

/** How long until the next question. Undefined: asking again is of no use until somebody signs in. */
export function nextWaitMs({ failure, failures }: Topic<unknown>, periodMs: number): number | undefined {
  if (failure === undefined) return periodMs;
  if (isFinal(failure)) return undefined;
  const backedOffMs = Math.min(longestWaitMs, Math.max(periodMs, 1_000) * 2 ** Math.min(failures, 6));
  return Math.max(backedOffMs, Math.min(failure.retryAfterMs ?? 0, 4 * longestWaitMs));
}

/** The same question gets the same answer. */
export function isFinal({ code }: CallFailure): boolean {
  return ['unauthenticated', 'permission_denied', 'unimplemented', 'invalid_argument', 'not_found'].includes(code);
}
