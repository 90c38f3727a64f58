/** One queue: what goes on in it, its depth by priority, its rule and its settings. */
import { Action } from '../parts/action.tsx';
import { Tag } from '../parts/icons.tsx';
import { Panel } from '../parts/panel.tsx';
import { Meter, Spark } from '../parts/spark.tsx';
import { Text } from '../parts/text.tsx';
import { linkTo } from '../site/route.ts';
import { may, nowMs } from '../site/session.ts';
import { cliLine } from '../text/cli-lines.ts';
import { ageText, durationMs, instantText, settingText, timeMs } from '../text/durations.ts';
import { flowUpdate } from '../text/flow-change.ts';
import { bytesText, countOf, countText, plural, rateText } from '../text/numbers.ts';
import { wordOf } from '../text/words.ts';
import { type Followed, useTopic } from '../live/use-topic.ts';
import type { Queue, QueueStats } from '../wire/shapes.ts';
import { FlowEditor } from './flow-editor.tsx';
import { Figure, quantileText } from './overview-figures.tsx';

interface QueueAnswer {
  readonly queue?: Queue;
}
interface StatsAnswer {
  readonly stats?: QueueStats;
}

export function QueuePage({ name }: { readonly name: string }) {
  const queue = useTopic<QueueAnswer>({ method: 'Queues/GetQueue', request: { name }, periodMs: 5_000 });
  const stats = useTopic<StatsAnswer>({ method: 'Queues/GetQueueStats', request: { name }, periodMs: 2_000 });
  const known = queue.topic.value?.queue;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>
          <Text value={name} />
        </h1>
        {known?.settings?.flow?.paused === true && <Tag tone="doubt">paused</Tag>}
        {(known?.quarantines ?? []).length > 0 && <Tag tone="bad">quarantined</Tag>}
        <a href={linkTo('jobs', { queue: name })}>jobs</a>
        <a href={linkTo('jobs', { queue: name, state: ['FAILED', 'EXPIRED'] })}>ended badly</a>
        {known !== undefined && (
          <div class="actions">
            <PauseAction queue={known} waiting={stats.topic.value?.stats?.waiting} onDone={queue.refresh} />
          </div>
        )}
      </div>
      <Panel title="Now" followed={stats}>
        {({ stats: seen = {} }) => <Now name={name} stats={seen} atMs={stats.topic.atMs} />}
      </Panel>
      <div class="columns">
        <FlowPanel queue={queue} />
        <Panel title="Settings" followed={queue}>
          {({ queue: seen = {} }) => <Settings queue={seen} />}
        </Panel>
      </div>
    </>
  );
}

interface PauseProps {
  readonly queue: Queue;
  readonly waiting: number | undefined;
  readonly onDone: () => void;
}

function PauseAction({ queue, waiting, onDone }: PauseProps) {
  const isPaused = queue.settings?.flow?.paused === true;
  const { name = '' } = queue;
  const word = isPaused ? 'resume' : 'pause';
  return (
    <Action
      label={isPaused ? 'Resume' : 'Pause'}
      title={`${isPaused ? 'Resume' : 'Pause'} the queue ${name}`}
      method="Queues/UpdateQueue"
      tone={isPaused ? 'plain' : 'danger'}
      isDisabled={!may('queues.manage')}
      disabledWhy="you lack the permission queues.manage"
      request={() => flowUpdate(queue, { paths: ['flow.paused'], flow: isPaused ? {} : { paused: true } })}
      cli={(auditReason) => cliLine(['queues', word, name], auditReason)}
      onDone={onDone}
    >
      <p>
        {isPaused
          ? 'Its jobs start again'
          : 'No job of it starts any more. Running jobs go on, and new ones are accepted'}
        {waiting !== undefined && `; ${plural(waiting, 'job waits', 'jobs wait')} now`}.
      </p>
    </Action>
  );
}

function Now({
  name,
  stats,
  atMs,
}: {
  readonly name: string;
  readonly stats: QueueStats;
  readonly atMs: number | undefined;
}) {
  const rates = [
    ['arrive', stats.arrivalsPerSecond ?? 0],
    ['start', stats.startsPerSecond ?? 0],
    ['end', stats.endsPerSecond ?? 0],
  ] as const;
  const oldestMs = durationMs(stats.oldestAge);
  return (
    <>
      {(stats.silentShards ?? 0) > 0 && (
        <p class="trouble">
          {stats.silentShards} of {stats.shards} shards do not answer: their jobs are not counted.
        </p>
      )}
      <div class="figures inner">
        <Figure label="waiting" value={countText(stats.waiting ?? 0)}>
          <small class="soft">oldest {oldestMs === undefined ? '–' : ageText(oldestMs)}</small>
          <small class="soft">inputs {bytesText(countOf(stats.bytes))}</small>
        </Figure>
        <Figure label="running" value={countText(stats.running ?? 0)}>
          <small class="soft">later {countText(stats.dueLater ?? 0)}</small>
        </Figure>
        {rates.map(([word, value]) => (
          <Figure
            key={word}
            label={`jobs ${word}`}
            value={
              <>
                {rateText(value)} <small class="soft">/s</small>
              </>
            }
          >
            <Spark name={`queue ${name} ${word}`} value={value} atMs={atMs} />
          </Figure>
        ))}
        <Figure label="wait p50" value={quantileText(stats.wait?.p50)}>
          <small class="soft">p99 {quantileText(stats.wait?.p99)}</small>
        </Figure>
        <Figure label="run p50" value={quantileText(stats.run?.p50)}>
          <small class="soft">p99 {quantileText(stats.run?.p99)}</small>
        </Figure>
      </div>
      <Depths byPriority={stats.waitingByPriority ?? []} />
    </>
  );
}

/** How many wait at each priority. Nothing while none waits. */
function Depths({ byPriority }: { readonly byPriority: readonly number[] }) {
  const most = Math.max(0, ...byPriority);
  if (most === 0) return null;
  return (
    <dl class="depths">
      {[...byPriority.entries()].reverse().map(([priority, waiting]) => (
        <div key={priority}>
          <dt>priority {priority}</dt>
          <dd>{countText(waiting)}</dd>
          <Meter share={waiting / most} tone="wait" label={`${waiting} wait at priority ${priority}`} />
        </div>
      ))}
    </dl>
  );
}

function FlowPanel({ queue }: { readonly queue: Followed<QueueAnswer> }) {
  return (
    <Panel title="Flow rule" followed={queue}>
      {({ queue: seen = {} }) => <FlowEditor key={seen.version} queue={seen} onDone={queue.refresh} />}
    </Panel>
  );
}

function Settings({ queue }: { readonly queue: Queue }) {
  const { settings = {}, version = 0, updateTime, createTime, quarantines = [] } = queue;
  const time = (text: string | undefined): string => {
    const ms = durationMs(text);
    return ms === undefined ? 'no limit' : settingText(ms);
  };
  const { retry = {} } = settings;
  const changedMs = timeMs(updateTime ?? createTime);
  const rows: readonly (readonly [string, string])[] = [
    ['execution timeout', time(settings.executionTimeout)],
    ['heartbeat timeout', time(settings.heartbeatTimeout)],
    [
      'attempts',
      `${retry.maxAttempts ?? 0}, pauses ${time(retry.initialDelay)} × ${retry.coefficient ?? 0} up to ${time(retry.maxDelay)}`,
    ],
    ['losses', String(retry.maxLosses ?? 0)],
    ['retention', time(settings.retention)],
    ['of payloads', time(settings.payloadRetention)],
    ['most jobs', settings.maxDepth === undefined ? 'no limit' : countText(settings.maxDepth)],
    ['most bytes', settings.maxBytes === undefined ? 'no limit' : bytesText(countOf(settings.maxBytes))],
    ['events', wordOf(settings.publishedEvents, 'PUBLISHED_EVENTS_')],
    ['version', `${version}${changedMs === undefined ? '' : `, changed ${instantText(changedMs, nowMs.value)}`}`],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <>
          <dt key={name}>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
      {quarantines.map(({ node = '', reason = '' }) => (
        <>
          <dt>quarantine{node !== '' && <> on {node}</>}</dt>
          <dd class="trouble">
            <Text value={reason} />
          </dd>
        </>
      ))}
    </dl>
  );
}
