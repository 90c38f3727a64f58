/**
 * Follows the jobs of a queue that a filter asks for. The kept events say whose state has changed, in their order; what is
 * told is the job as it is when it is read. So a reader may be slow, or away: he goes on where he was, many changes of one
 * job are told as the newest, and the gateway holds one page of events for him, never more.
 *
 * A gap is said: events that are kept no longer, or a log that was lost. Then a list tells what they would have told.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import { checkFilter, type JobFilter, matcherOf } from './job-filter.ts';
import type { JobReader } from './job-reader.ts';
import { parseQueueResumeToken, type QueuePosition, queueResumeToken } from './page-token.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';
import { type QueueCatalog, queueNamed } from '../queues/queue-catalog.ts';
import { QueueEvents } from '../queues/queue-events.ts';
import { createWakeUp } from './wake-up.ts';

const pageEvents = 500;
const readsAtOnce = 50;
/** Jobs of which it is known what was told last; an event that says no more than that is passed over. */
const toldMax = 2_000;

export interface WatchJobsParts {
  readonly reader: JobReader;
  readonly events: EventLog;
  readonly catalog: QueueCatalog;
  readonly clock: Clock;
}

export interface WatchJobsQuery {
  /** Empty: the queue `default`. */
  readonly queue: string;
  readonly filter: JobFilter;
  /** Empty: from now on. */
  readonly token: string;
}

export interface JobsUpdate {
  /** Absent: only how far the watch is. */
  readonly record?: JobRecord;
  readonly resumeToken: string;
  /** Changes before this one may not have been told. */
  readonly gap: boolean;
}

export type WatchJobs = (context: CallContext, query: WatchJobsQuery) => AsyncGenerator<JobsUpdate, void>;

export function createWatchJobs({ reader, events, catalog, clock }: WatchJobsParts): WatchJobs {
  /** Undefined: it is gone, with its retention. */
  async function find(tenant: string, id: JobId): Promise<JobRecord | undefined> {
    try {
      return (await reader.read(tenant, id)).record;
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'JOB_NOT_FOUND') return undefined;
      throw error;
    }
  }

  return async function* watchJobs(context, { queue, filter, token }) {
    ensureAwaited(context, clock.nowMs());
    const { tenant } = context;
    checkFilter(filter);
    const { queueNo, name } = await queueNamed(catalog, { tenant, queue });
    const from = token === '' ? undefined : parseQueueResumeToken(token, queueNo);
    const matches = matcherOf(filter) ?? (() => true);
    const wakeUp = createWakeUp(clock, context.signal);
    const log = new QueueEvents({ events, clock, wakeUp, place: { tenant, queue: name }, filter, pageEvents });
    const told = new Map<JobId, number>();
    const tokenAt = (place: Pick<QueuePosition, 'position' | 'mark'> = log.position): string =>
      queueResumeToken(queueNo, { log: log.position.log, position: place.position, mark: place.mark });
    try {
      await log.begin(from);
      for (let news = true; ; news = await log.next()) {
        ensureAwaited(context, clock.nowMs());
        if (news) yield { gap: log.takeGap(), resumeToken: tokenAt() };
        const changes = log.changes.filter(({ jobId, seq }) => (told.get(jobId) ?? 0) < seq);
        for (let first = 0; first < changes.length; first += readsAtOnce) {
          const some = changes.slice(first, first + readsAtOnce);
          const records = await Promise.all(some.map(({ jobId }) => find(tenant, jobId)));
          for (const [index, change] of some.entries()) {
            const record = records[index];
            if (record === undefined || !isCreatedIn(record, filter) || !matches(record)) continue;
            remember(told, record);
            yield { record, resumeToken: tokenAt(change), gap: false };
          }
        }
      }
    } finally {
      log.close();
      wakeUp.close();
    }
  };
}

function isCreatedIn({ createdAtMs }: JobRecord, filter: JobFilter): boolean {
  const { createdFromMs = -Infinity, createdBeforeMs = Infinity } = filter;
  return createdAtMs >= createdFromMs && createdAtMs < createdBeforeMs;
}

/** The jobs told last are the ones kept. */
function remember(told: Map<JobId, number>, { id, seq }: JobRecord): void {
  told.delete(id);
  told.set(id, seq);
  const [oldest] = told.keys();
  if (told.size > toldMax && oldest !== undefined) told.delete(oldest);
}
