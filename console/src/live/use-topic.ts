/** A topic for as long as a part of the page shows it. */
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { call, poller } from '../site/session.ts';
import type { Subscription } from './poller.ts';
import { emptyTopic, type Topic } from './topic.ts';

export interface Ask {
  readonly method: string;
  readonly request: object;
  readonly periodMs: number;
  /** Undefined values of it: nothing is asked. */
  readonly isWanted?: boolean;
}

export interface Followed<Value> {
  readonly topic: Topic<Value>;
  readonly periodMs: number;
  readonly refresh: () => void;
}

export function useTopic<Value>({ method, request, periodMs, isWanted = true }: Ask): Followed<Value> {
  const key = `${method} ${JSON.stringify(request)}`;
  const held = useSignal<Topic<Value>>(emptyTopic);
  const current = useRef<Subscription<Value> | undefined>(undefined);
  useEffect(() => {
    if (!isWanted) return undefined;
    const subscription = poller.follow<Value>({
      key,
      periodMs,
      ask: (signal) => call<Value>(method, request, { signal }),
    });
    current.current = subscription;
    const stopHearing = subscription.topic.subscribe((topic) => {
      held.value = topic;
    });
    return () => {
      stopHearing();
      subscription.stop();
      current.current = undefined;
    };
  }, [key, periodMs, isWanted]);
  return { topic: held.value, periodMs, refresh: () => current.current?.refresh() };
}
