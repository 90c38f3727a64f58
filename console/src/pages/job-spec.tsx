/** What was asked for, with every default filled in. */
import { JobLink, QueueLink, Text } from '../parts/text.tsx';
import { linkTo } from '../site/route.ts';
import { nowMs } from '../site/session.ts';
import { durationMs, instantText, settingText, timeMs } from '../text/durations.ts';
import type { Job } from '../wire/shapes.ts';

export function SpecPart({ job }: { readonly job: Job }) {
  const { spec = {}, retryOf = '' } = job;
  const { queue = '', labels = {} } = spec;
  const rows = rowsOf(job, nowMs.value).filter(([, value]) => value !== '');
  return (
    <section class="panel" aria-label="Asked for">
      <header>
        <h2>Asked for</h2>
      </header>
      <dl class="body facts">
        <dt>queue</dt>
        <dd>
          <QueueLink name={queue} />
        </dd>
        {retryOf !== '' && (
          <>
            <dt>repeats</dt>
            <dd>
              <JobLink id={retryOf} />
            </dd>
          </>
        )}
        {Object.keys(labels).length > 0 && (
          <>
            <dt>labels</dt>
            <dd class="labels">
              {Object.entries(labels).map(([name, value]) => (
                <a key={name} href={linkTo('jobs', { queue, state: 'ALL', label: `${name}=${value}`, since: '1d' })}>
                  <Text value={`${name}=${value}`} />
                </a>
              ))}
            </dd>
          </>
        )}
        {rows.map(([name, value]) => (
          <>
            <dt key={name}>{name}</dt>
            <dd>
              <Text value={value} />
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function rowsOf(
  { spec = {}, createTime, expireTime, checkpoint, payloadsEraseTime }: Job,
  now: number,
): readonly (readonly [string, string])[] {
  const time = (text: string | undefined): string => {
    const ms = timeMs(text);
    return ms === undefined ? '' : instantText(ms, now);
  };
  const span = (text: string | undefined): string => {
    const ms = durationMs(text);
    return ms === undefined ? '' : settingText(ms);
  };
  const { retry = {} } = spec;
  return [
    ['created', time(createTime)],
    ['not before', time(spec.runTime)],
    ['priority', String(spec.priority ?? 2)],
    ['version', spec.handlerVersion ?? ''],
    ['unique key', spec.unique?.key ?? ''],
    ['concurrency key', spec.concurrencyKey ?? ''],
    ['fairness key', spec.fairnessKey ?? ''],
    ['execution timeout', span(spec.executionTimeout)],
    ['heartbeat timeout', span(spec.heartbeatTimeout)],
    ['queue timeout', span(spec.queueTimeout)],
    ['total timeout', span(spec.totalTimeout)],
    [
      'attempts',
      `${retry.maxAttempts ?? 0}, pauses ${span(retry.initialDelay)} × ${retry.coefficient ?? 0} up to ${span(retry.maxDelay)}`,
    ],
    ['losses', String(retry.maxLosses ?? 0)],
    ['kept until', time(expireTime)],
    ['payloads erased', time(payloadsEraseTime)],
    [
      'checkpoint',
      checkpoint === undefined
        ? ''
        : `attempt ${checkpoint.attempt ?? 0}, ${checkpoint.sizeBytes ?? '0'} bytes, ${time(checkpoint.time)}`,
    ],
  ];
}
