/**
 * Does something to every job that a filter finds, page by page, and says after each page how far it is. What it says
 * holds all there is to know (`pageToken`): whoever was cut off goes on from the last word, in another call, at another
 * gateway. Doing it twice to a job must be harmless.
 *
 * From the newest job to the oldest, so what is created meanwhile lies behind it; but for what a shard creates whose clock is
 * behind the others', and there it knows its own by themselves. Bounds: `inFlightMax` jobs at a time, `failuresMax` reasons a
 * page, and no more per second than asked for.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord, JobState } from '../../domain/job.ts';
import { clockAheadMaxMs } from '../../domain/steady-time.ts';
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import type { JobFilter } from './job-filter.ts';
import type { ListJobs } from './list-jobs.ts';
import { bulkPageToken, parseBulkPageToken } from './page-token.ts';
import type { Clock } from '../ports/runtime.ts';
import { createWakeUp } from './wake-up.ts';

const inFlightMax = 16;
const pageJobs = 100;
const failuresMax = 20;

export interface BulkQuery {
  readonly queue: string;
  readonly filter: JobFilter;
  readonly pageToken: string;
}

export interface BulkFailure {
  readonly jobId: string;
  readonly error: TroupeError;
}

export interface BulkStep {
  /** Of this page. */
  readonly done: number;
  readonly refused: number;
  /** Why, for some of those that were refused. */
  readonly failures: readonly BulkFailure[];
  /** Continues after this page; empty at the end. */
  readonly pageToken: string;
}

export interface BulkParts {
  readonly listJobs: ListJobs;
  readonly clock: Clock;
}

export interface BulkAction {
  /** States that it is for, when the filter names none. */
  readonly states: readonly JobState[];
  /** What it has made itself. Absent: nothing. */
  readonly isOwn?: (record: JobRecord) => boolean;
  /** Absent: as fast as it goes. */
  readonly perSecond?: number;
  readonly act: (record: JobRecord) => Promise<unknown>;
}

export async function* forEachJob(
  { listJobs, clock }: BulkParts,
  context: CallContext,
  query: BulkQuery,
  { states, perSecond, act, isOwn = () => false }: BulkAction,
): AsyncGenerator<BulkStep, void> {
  const begun = query.pageToken === '' ? undefined : parseBulkPageToken(query.pageToken);
  // Whoever submits a job and then begins this finds it, by whichever clock it was stamped.
  const latestMs = clock.nowMs() + clockAheadMaxMs;
  const createdBeforeMs = begun?.createdBeforeMs ?? query.filter.createdBeforeMs ?? latestMs;
  const filter = { ...query.filter, createdBeforeMs, oldestFirst: false };
  const asked = filter.states.length === 0 ? { ...filter, states } : filter;
  const pace = createPace(clock, context, perSecond);
  try {
    for (let pageToken = begun?.pageToken ?? ''; ;) {
      ensureAwaited(context, clock.nowMs());
      const page = await listJobs(context, { ...asked, queue: query.queue, pageSize: pageJobs, pageToken });
      const found = page.records.filter((record) => !isOwn(record));
      const outcome = await onPage(found, pace, act);
      pageToken = page.nextPageToken;
      yield { ...outcome, pageToken: pageToken === '' ? '' : bulkPageToken(createdBeforeMs, pageToken) };
      if (pageToken === '') return;
    }
  } finally {
    pace.close();
  }
}

interface Pace {
  /** Resolves when the next one may begin; rejects when nobody waits for the answer any more. */
  next(): Promise<void>;
  close(): void;
}

function createPace(clock: Clock, context: CallContext, perSecond: number | undefined): Pace {
  const wakeUp = createWakeUp(clock, context.signal);
  const gapMs = perSecond === undefined ? 0 : 1_000 / perSecond;
  let nextAtMs = clock.monotonicMs();
  return {
    async next() {
      const nowMs = clock.monotonicMs();
      // What was not used is not saved up.
      const atMs = Math.max(nextAtMs, nowMs);
      nextAtMs = atMs + gapMs;
      if (atMs - nowMs >= 1) await wakeUp.sleep(atMs - nowMs);
      ensureAwaited(context, clock.nowMs());
    },
    close: () => {
      wakeUp.close();
    },
  };
}

type PageOutcome = Omit<BulkStep, 'pageToken'>;

/** A job that refuses is counted; whatever else goes wrong ends the operation before its page is told as done. */
async function onPage(records: readonly JobRecord[], pace: Pace, act: BulkAction['act']): Promise<PageOutcome> {
  const failures: BulkFailure[] = [];
  let done = 0;
  let refused = 0;
  const open = new Set<Promise<void>>();
  let broken: unknown;
  for (const record of records) {
    await pace.next();
    if (broken !== undefined) break;
    const one = act(record).then(
      () => {
        done += 1;
      },
      (error: unknown) => {
        if (!(error instanceof TroupeError) || error.retryable || error.code === 'INTERNAL_ERROR') {
          broken ??= error;
          return;
        }
        refused += 1;
        if (failures.length < failuresMax) failures.push({ jobId: record.id, error });
      },
    );
    const tracked = one.finally(() => open.delete(tracked));
    open.add(tracked);
    if (open.size >= inFlightMax) await Promise.race(open);
  }
  await Promise.all(open);
  if (broken !== undefined) throw TroupeError.from(broken);
  return { done, refused, failures };
}
