/** The page that the address names. */
import { linkTo, type Route } from '../site/route.ts';
import { route } from '../site/navigation.ts';
import { filterOf } from '../text/job-filter.ts';
import { kindFilterOf } from '../text/failure-kinds.ts';
import { FailuresPage } from './failures.tsx';
import { ActorsPage } from './actors.tsx';
import { JobPage } from './job.tsx';
import { JobsPage } from './jobs.tsx';
import { NodesPage } from './nodes.tsx';
import { OverviewPage } from './overview.tsx';
import { QueuePage } from './queue.tsx';
import { QueuesPage } from './queues.tsx';
import { ShardsPage } from './shards.tsx';

export function titleOf({ page, query }: Route): string {
  const subject = query.get('name') ?? query.get('id') ?? '';
  const word = `${page.charAt(0).toUpperCase()}${page.slice(1)}`;
  return subject === '' ? word : `${word} ${subject.slice(0, 80)}`;
}

export function Page() {
  const { page, query } = route.value;
  const name = query.get('name') ?? '';
  const id = query.get('id') ?? '';
  switch (page) {
    case 'overview':
      return <OverviewPage />;
    case 'queues':
      return <QueuesPage contains={query.get('contains') ?? ''} />;
    case 'queue':
      return <QueuePage key={name} name={name} />;
    case 'jobs':
      return <JobsPage filter={filterOf(query)} />;
    case 'failures':
      return <FailuresPage filter={kindFilterOf(query)} />;
    case 'job':
      return <JobPage key={id} id={id} />;
    case 'nodes':
      return <NodesPage />;
    case 'shards':
      return <ShardsPage />;
    case 'actors':
      return (
        <ActorsPage
          node={query.get('node') ?? ''}
          contains={query.get('contains') ?? ''}
          isTroubled={query.has('troubled')}
        />
      );
    case 'unknown':
      return (
        <div class="head">
          <h1 tabIndex={-1}>There is no such page</h1>
          <a href={linkTo('overview')}>To the overview</a>
        </div>
      );
  }
}
