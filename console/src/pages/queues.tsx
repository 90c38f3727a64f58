/** All queues, most pressing first: the figures of the overview, found by a part of their names. */
import { Panel } from '../parts/panel.tsx';
import { replace } from '../site/navigation.ts';
import { linkTo } from '../site/route.ts';
import { countText } from '../text/numbers.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Overview } from '../wire/overview-shapes.ts';
import { QueueTable } from './queue-table.tsx';

export function QueuesPage({ contains }: { readonly contains: string }) {
  const request = contains === '' ? {} : { queueContains: contains };
  const followed = useTopic<Overview>({ method: 'Cluster/GetOverview', request, periodMs: 2_000 });
  const { queues = [], queuesMatching = 0 } = followed.topic.value ?? {};
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Queues</h1>
        <div class="actions">
          <input
            type="search"
            aria-label="Only queues whose names contain"
            placeholder="part of a name"
            maxLength={64}
            value={contains}
            onInput={(event) => replace(linkTo('queues', { contains: event.currentTarget.value }))}
          />
        </div>
      </div>
      <Panel
        title={
          queues.length < queuesMatching
            ? `${countText(queues.length)} of ${countText(queuesMatching)}, most pressing first`
            : 'Most pressing first'
        }
        followed={followed}
        isFlush
      >
        {(overview) => <QueueTable queues={overview.queues ?? []} />}
      </Panel>
    </>
  );
}
