/** Jobs of one queue, newest first, straight from the store. */
import { TroupeError } from '../domain/errors.ts';
import type { JobRecord } from '../domain/job.ts';
import { ensureAwaited } from './call-context.ts';
import type { CallContext } from './call-context.ts';
import { jobPageToken, parseJobPageToken } from './page-token.ts';
import type { JobStore } from './ports/job-store.ts';
import type { Clock } from './ports/runtime.ts';
import type { QueueCatalog } from './queue-catalog.ts';
import { defaultQueueName } from './queue-names.ts';

const pageSizeMax = 1_000;
const pageSizeDefault = 50;

export interface JobPage {
  readonly records: readonly JobRecord[];
  /** Empty at the end. */
  readonly nextPageToken: string;
}

export interface ListJobsParts {
  readonly store: Pick<JobStore, 'listJobs'>;
  readonly catalog: QueueCatalog;
  readonly clock: Clock;
}

export type ListJobs = (
  context: CallContext,
  query: { readonly queue: string; readonly pageSize: number; readonly pageToken: string },
) => Promise<JobPage>;

export function createListJobs({ store, catalog, clock }: ListJobsParts): ListJobs {
  return async (context, query) => {
    ensureAwaited(context, clock.nowMs());
    const name = query.queue === '' ? defaultQueueName : query.queue;
    const queue = await catalog.find(context.tenant, name);
    if (!queue) throw new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue: name } });
    const before = query.pageToken === '' ? undefined : parseJobPageToken(query.pageToken, queue.queueNo);
    const page = await store.listJobs({
      queueNo: queue.queueNo,
      limit: query.pageSize === 0 ? pageSizeDefault : Math.min(query.pageSize, pageSizeMax),
      nowMs: clock.nowMs(),
      ...(before && { before }),
    });
    return { records: page.records, nextPageToken: page.next ? jobPageToken(page.next) : '' };
  };
}
