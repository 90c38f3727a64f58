/** A part of the page with a state of its own: loading, fresh, stale with its age, failed with its code. None waits for another. */
import type { ComponentChildren } from 'preact';
import { freshnessOf } from '../live/topic.ts';
import type { Followed } from '../live/use-topic.ts';
import { hereMs } from '../site/session.ts';
import { ageText } from '../text/durations.ts';
import type { CallFailure } from '../wire/call.ts';
import { Text } from './text.tsx';

export interface PanelProps<Value> {
  readonly title: string;
  readonly followed: Followed<Value>;
  readonly isFlush?: boolean;
  readonly extra?: ComponentChildren;
  readonly children: (value: Value) => ComponentChildren;
}

export function Panel<Value>({ title, followed, isFlush = false, extra, children }: PanelProps<Value>) {
  const { topic, periodMs } = followed;
  const freshness = freshnessOf(topic, hereMs.value, periodMs);
  const isStale = freshness === 'stale' && periodMs > 0;
  return (
    <section class={`panel${isStale ? ' is-stale' : ''}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {extra}
        <Age followed={followed} />
      </header>
      <div class={isFlush && topic.value !== undefined ? 'body flush' : 'body'}>
        {topic.value === undefined ? <NothingYet failure={topic.failure} /> : children(topic.value)}
      </div>
    </section>
  );
}

/** Nothing while all is well: only what is old or wrong needs words. */
export function Age<Value>({ followed: { topic, periodMs } }: { readonly followed: Followed<Value> }) {
  const isOld = periodMs > 0 && freshnessOf(topic, hereMs.value, periodMs) === 'stale';
  if (topic.value === undefined || topic.atMs === undefined || (!isOld && topic.failure === undefined)) return null;
  const why = topic.failure === undefined ? '' : ` · ${topic.failure.reason || topic.failure.code}`;
  return (
    <span class="age stale" title={topic.failure?.message ?? ''}>
      {ageText(hereMs.value - topic.atMs)} old{why}
    </span>
  );
}

export function NothingYet({ failure }: { readonly failure: CallFailure | undefined }) {
  if (failure === undefined) return <p class="note">loading …</p>;
  return <Trouble failure={failure} />;
}

export function Trouble({ failure }: { readonly failure: CallFailure }) {
  return (
    <div class="trouble" role="alert">
      <strong>{failure.reason || failure.code}</strong> <Text value={failure.message} />
      {failure.violations.map(({ field, description }) => (
        <p key={field}>
          <code>{field}</code> <Text value={description} />
        </p>
      ))}
    </div>
  );
}
