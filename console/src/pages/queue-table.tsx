/** Queues as rows. */
import { Tag } from '../parts/icons.tsx';
import { QueueLink } from '../parts/text.tsx';
import { ageText, durationMs } from '../text/durations.ts';
import { countText, rateText } from '../text/numbers.ts';
import type { OverviewQueue } from '../wire/overview-shapes.ts';
import { quantileText } from './overview-figures.tsx';

export function QueueTable({ queues }: { readonly queues: readonly OverviewQueue[] }) {
  if (queues.length === 0) return <p class="body note">There is no such queue.</p>;
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of queues">
      <table>
        <thead>
          <tr>
            <th>queue</th>
            <th class="n">waiting</th>
            <th class="n">oldest</th>
            <th class="n">running</th>
            <th class="n">later</th>
            <th class="n">arrive/s</th>
            <th class="n">end/s</th>
            <th class="n">fail/s</th>
            <th class="n">wait p50</th>
            <th class="n">p99</th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <Row key={queue.name} queue={queue} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const tone = (value: number): string => (value === 0 ? 'n zero' : 'n');

function Row({ queue }: { readonly queue: OverviewQueue }) {
  const { name = '', waiting = 0, running = 0, dueLater = 0, maxRunning, maxDepth, oldestAge } = queue;
  const oldestMs = durationMs(oldestAge);
  const failed = queue.failedJobsPerSecond ?? 0;
  return (
    <tr>
      <td class="name">
        <QueueLink name={name} /> {queue.paused === true && <Tag tone="doubt">paused</Tag>}{' '}
        {queue.quarantined === true && <Tag tone="bad">quarantined</Tag>}
      </td>
      <td class={tone(waiting)}>
        {countText(waiting)}
        {maxDepth !== undefined && <small> / {countText(maxDepth)}</small>}
      </td>
      <td class="n">{oldestMs === undefined ? <span class="zero">–</span> : ageText(oldestMs)}</td>
      <td class={tone(running)}>
        {countText(running)}
        {maxRunning !== undefined && <small> / {countText(maxRunning)}</small>}
      </td>
      <td class={tone(dueLater)}>{countText(dueLater)}</td>
      <td class={tone(queue.arrivalsPerSecond ?? 0)}>{rateText(queue.arrivalsPerSecond ?? 0)}</td>
      <td class={tone(queue.endsPerSecond ?? 0)}>{rateText(queue.endsPerSecond ?? 0)}</td>
      <td class={failed > 0 ? 'n trouble' : 'n zero'}>{rateText(failed)}</td>
      <td class="n">{quantileText(queue.waitP50)}</td>
      <td class="n">{quantileText(queue.waitP99)}</td>
    </tr>
  );
}
