/**
 * Follows the jobs of a queue that match a filter. The kept events announce which jobs changed, in order; the update
 * holds the job as it is when it is read, and never as it was before that change. So a reader may be slow or away: it
 * continues from its position, gets several changes of one job as the newest, and costs the gateway no more than one
 * page of events.
 *
 * A gap is reported if events are no longer kept or the log was lost. The reader must then list the jobs to learn what
 * it missed.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { checkFilter, type JobFilter, matcherOf } from './job-filter.ts';
import type { JobReader } from './job-reader.ts';
import { readableJob } from './readable-job.ts';
import type { Sealing } from '../sealing/sealing.ts';
import { parseQueueResumeToken, queueResumeToken } from '../calls/page-token.ts';
import type { EventLogs, KeptEvent } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';
import { type QueueCatalog, queueNamed } from '../queues/queue-catalog.ts';
import { QueueEvents } from './queue-events.ts';
import { createWakeUp } from '../calls/wake-up.ts';

const pageEvents = 500;
const readsAtOnce = 50;
/** Jobs for which the watch remembers the last sent `seq`. An event that is not newer is skipped. */
const toldMax = 2_000;

export interface WatchJobsParts {
  readonly reader: JobReader;
  readonly events: EventLogs;
  readonly catalog: QueueCatalog;
  readonly clock: Clock;
  /** Default: nothing sealed can be opened. */
  readonly sealing?: Sealing;
}

export interface WatchJobsQuery {
  /** If empty, the queue `default`. */
  readonly queue: string;
  readonly filter: JobFilter;
  /** Resume token. If empty, the watch starts now. */
  readonly token: string;
}

export interface JobsUpdate {
  /** Absent if the update only reports the position of the watch. */
  readonly record?: JobRecord;
  readonly resumeToken: string;
  /** Changes before this update may have been missed. */
  readonly gap: boolean;
}

export type WatchJobs = (context: CallContext, query: WatchJobsQuery) => AsyncGenerator<JobsUpdate, void>;

export function createWatchJobs({ reader, events, catalog, clock, sealing }: WatchJobsParts): WatchJobs {
  /** Undefined if the job is gone because its retention is over. */
  async function find(context: CallContext, { jobId, seq }: KeptEvent): Promise<JobRecord | undefined> {
    try {
      return (await reader.read(context, jobId, seq)).record;
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'JOB_NOT_FOUND') return undefined;
      throw error;
    }
  }

  return async function* watchJobs(context, { queue, filter, token }) {
    ensureAwaited(context, clock.nowMs());
    checkFilter(context, queue, filter);
    const { queueNo, name } = await queueNamed(catalog, context, queue);
    const from = token === '' ? undefined : parseQueueResumeToken(token, queueNo);
    const matches = matcherOf(filter) ?? (() => true);
    const wakeUp = createWakeUp(clock, context.signal);
    const log = new QueueEvents({
      events,
      clock,
      wakeUp,
      place: { tenant: context.tenant, queue: name },
      filter,
      pageEvents,
    });
    const told = new Map<JobId, number>();
    try {
      await log.begin(from);
      for (let news = true; ; news = await log.next()) {
        ensureAwaited(context, clock.nowMs());
        if (news) yield { gap: log.takeGap(), resumeToken: queueResumeToken(queueNo, log.positions) };
        const changes = log.changes.filter(({ event }) => (told.get(event.jobId) ?? 0) < event.seq);
        for (let first = 0; first < changes.length; first += readsAtOnce) {
          const some = changes.slice(first, first + readsAtOnce);
          const records = await Promise.all(some.map(({ event }) => find(context, event)));
          for (const [index, change] of some.entries()) {
            const record = records[index];
            if (record === undefined || !isCreatedIn(record, filter) || !matches(record)) continue;
            remember(told, record);
            const view = await readableJob(sealing, context, { record });
            yield { record: view.record, resumeToken: queueResumeToken(queueNo, change.positions), gap: false };
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

/** Keeps the jobs that were sent last. */
function remember(told: Map<JobId, number>, { id, seq }: JobRecord): void {
  told.delete(id);
  told.set(id, seq);
  const [oldest] = told.keys();
  if (told.size > toldMax && oldest !== undefined) told.delete(oldest);
}
