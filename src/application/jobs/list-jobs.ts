/** Lists the jobs of one queue that match a filter, newest or oldest first, directly from the store. */
import type { JobRecord } from '../../domain/job.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import { checkFilter, endedOf, filterDigest, type JobFilter, matcherOf } from './job-filter.ts';
import { jobPageToken, parseJobPageToken } from '../calls/page-token.ts';
import type { JobStore } from '../ports/job-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { type QueueCatalog, queueNamed } from '../queues/queue-catalog.ts';
import { given } from '../../domain/given.ts';

const pageSizeMax = 1_000;
const pageSizeDefault = 50;
/** What a record takes in a page, about. Its true size is known once it is loaded. */
const listedRecordBytes = 2_048;

interface JobPage {
  readonly records: readonly JobRecord[];
  /** Empty at the end. */
  readonly nextPageToken: string;
  /** How far it has looked: further pages have no job that was created after, or before if the oldest come first. */
  readonly searchedToMs?: number;
}

export interface ListJobsParts {
  readonly store: Pick<JobStore, 'listJobs'>;
  readonly catalog: QueueCatalog;
  readonly clock: Clock;
}

export interface ListJobsQuery extends JobFilter {
  readonly oldestFirst: boolean;
  /** If empty, the queue `default`. */
  readonly queue: string;
  /** 0 means the default of 50. At most 1,000 are returned. */
  readonly pageSize: number;
  readonly pageToken: string;
}

export type ListJobs = (context: ReadContext, query: ListJobsQuery) => Promise<JobPage>;

export function createListJobs({ store, catalog, clock }: ListJobsParts): ListJobs {
  return async (context, query) => {
    ensureAwaited(context, clock.nowMs());
    checkFilter(context, query.queue, query);
    const { queueNo } = await queueNamed(catalog, context, query.queue);
    const { createdFromMs, createdBeforeMs } = query;
    const digest = filterDigest(query);
    const cursor = query.pageToken === '' ? undefined : parseJobPageToken(query.pageToken, { queueNo, digest });
    const matches = matcherOf(query);
    const ended = endedOf(query);
    const limit = query.pageSize === 0 ? pageSizeDefault : Math.min(query.pageSize, pageSizeMax);
    context.reserve(limit * listedRecordBytes);
    const page = await store.listJobs({
      queueNo,
      order: query.oldestFirst ? 'oldest' : 'newest',
      limit,
      nowMs: clock.nowMs(),
      ...given({ cursor: cursor || undefined, createdFromMs, createdBeforeMs, ended, matches }),
    });
    const { records, next } = page;
    if (!next) return { records, nextPageToken: '' };
    return { records, nextPageToken: jobPageToken(next, digest), searchedToMs: jobIdParts(next).createdAtMs };
  };
}
