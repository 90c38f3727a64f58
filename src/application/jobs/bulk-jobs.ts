/**
 * Applies an action to every job that a filter finds, page by page, and yields a step after each page. The step's
 * `pageToken` holds everything that is needed to continue, so a caller whose call broke off continues from the last
 * step, through any gateway. Pages may be repeated. The action must therefore be harmless when it is applied to a job
 * twice.
 *
 * The order is from the newest job to the oldest, so jobs that are created meanwhile are not visited. The exception are
 * jobs of a shard whose clock is behind; `isOwn` skips those that the action itself created. Bounds: at most
 * `inFlightMax` jobs at a time, `failuresMax` reasons a page, and `perSecond` jobs a second.
 *
 * A job that is refused for now, as by a full gateway, is tried again when the refusal says so, and the others wait with it.
 * Otherwise an operation that fills the room itself would refuse itself at each start of its page. It gives up when no job
 * gets through for `patienceMs`.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord, JobState } from '../../domain/job.ts';
import { given } from '../../domain/given.ts';
import { clockAheadMaxMs } from '../../domain/steady-time.ts';
import { type CallContext, ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { JobFilter } from './job-filter.ts';
import type { ListJobs } from './list-jobs.ts';
import { bulkPageToken, parseBulkPageToken } from '../calls/page-token.ts';
import type { Clock } from '../ports/runtime.ts';
import { createWakeUp } from '../calls/wake-up.ts';

const inFlightMax = 16;
const pageJobs = 100;
const failuresMax = 20;
const patienceMs = 30_000;

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
  /** Jobs of this page that the action was applied to. */
  readonly done: number;
  /** Jobs of this page that the action was refused for. */
  readonly refused: number;
  /** Reasons for some of the refusals, at most `failuresMax`. */
  readonly failures: readonly BulkFailure[];
  /** Continues after this page. Empty at the end. */
  readonly pageToken: string;
}

export interface BulkJobsParts {
  readonly listJobs: ListJobs;
  readonly clock: Clock;
}

export interface BulkAction {
  /** States that the action applies to if the filter names none. */
  readonly states: readonly JobState[];
  /** Recognises jobs that the action itself created. Default: it creates none. */
  readonly isOwn?: (record: JobRecord) => boolean;
  /** Most jobs per second. Default: no limit. */
  readonly perSecond?: number;
  readonly act: (record: JobRecord) => Promise<unknown>;
}

export async function* forEachJob(
  { listJobs, clock }: BulkJobsParts,
  context: ReadContext,
  query: BulkQuery,
  { states, perSecond, act, isOwn = () => false }: BulkAction,
): AsyncGenerator<BulkStep, void> {
  const begun = query.pageToken === '' ? undefined : parseBulkPageToken(query.pageToken);
  // Includes a job that the caller submitted just before, even if its shard's clock is ahead of this one.
  const latestMs = clock.nowMs() + clockAheadMaxMs;
  const createdBeforeMs = begun?.createdBeforeMs ?? query.filter.createdBeforeMs ?? latestMs;
  const filter = { ...query.filter, createdBeforeMs, oldestFirst: false };
  const asked = { ...filter, states: statesAsked(query.filter, states) };
  const pace = createPace(clock, context, perSecond);
  try {
    for (let pageToken = begun?.pageToken ?? ''; ;) {
      ensureAwaited(context, clock.nowMs());
      const page = await listJobs(context, { ...asked, queue: query.queue, pageSize: pageJobs, pageToken });
      const found = page.records.filter((record) => !isOwn(record));
      const outcome = await onPage(found, { pace, clock, act, ...given({ report: context.report }) });
      pageToken = page.nextPageToken;
      yield { ...outcome, pageToken: pageToken === '' ? '' : bulkPageToken(createdBeforeMs, pageToken) };
      if (pageToken === '') return;
    }
  } finally {
    pace.close();
  }
}

/** A kind of failure means FAILED jobs, as it does in lists, where the action applies to those. */
function statesAsked(filter: JobFilter, states: readonly JobState[]): readonly JobState[] {
  const { failureKind = '' } = filter;
  if (filter.states.length > 0) return filter.states;
  return failureKind !== '' && states.includes('FAILED') ? ['FAILED'] : states;
}

interface Pace {
  /** Resolves when the next job may begin. Rejects when nobody waits for the answer any more. */
  next(): Promise<void>;
  /** Lets no job begin for so long. */
  hold(ms: number): void;
  close(): void;
}

function createPace(clock: Clock, context: CallContext, perSecond: number | undefined): Pace {
  const wakeUp = createWakeUp(clock, context.signal);
  const gapMs = perSecond === undefined ? 0 : 1_000 / perSecond;
  let nextAtMs = clock.monotonicMs();
  return {
    async next() {
      const nowMs = clock.monotonicMs();
      // Unused capacity is not saved up, so the rate has no bursts.
      const atMs = Math.max(nextAtMs, nowMs);
      nextAtMs = atMs + gapMs;
      if (atMs - nowMs >= 1) await wakeUp.sleep(atMs - nowMs);
      ensureAwaited(context, clock.nowMs());
    },
    hold(ms) {
      nextAtMs = Math.max(nextAtMs, clock.monotonicMs() + ms);
    },
    close: () => {
      wakeUp.close();
    },
  };
}

type PageOutcome = Omit<BulkStep, 'pageToken'>;

type PageParts = Pick<BulkAction, 'act'> &
  Pick<CallContext, 'report'> & { readonly pace: Pace; readonly clock: Pick<Clock, 'monotonicMs'> };

/** Counts refusals that stay. Any other error ends the operation before its page is reported as done. */
async function onPage(records: readonly JobRecord[], { act, report, pace, clock }: PageParts): Promise<PageOutcome> {
  const failures: BulkFailure[] = [];
  const line = [...records];
  const open = new Set<Promise<void>>();
  let [done, refused] = [0, 0];
  let movedAtMs = clock.monotonicMs();
  /** Why it ends, the first reason first. */
  const broken: unknown[] = [];
  const next = (): JobRecord | undefined => (broken.length === 0 ? line.shift() : undefined);

  const settle = (record: JobRecord, error: unknown): void => {
    const nowMs = clock.monotonicMs();
    if (error instanceof TroupeError && !error.retryable && error.code !== 'INTERNAL_ERROR') {
      movedAtMs = nowMs;
      refused += 1;
      if (failures.length < failuresMax) failures.push({ jobId: record.id, error });
      return;
    }
    const holdMs = error instanceof TroupeError && error.retryable ? error.retryAfterMs : undefined;
    if (holdMs === undefined || nowMs + holdMs - movedAtMs > patienceMs) {
      broken.push(error);
      return;
    }
    pace.hold(holdMs);
    line.push(record);
  };

  const begin = (record: JobRecord): void => {
    const one = act(record).then(
      () => {
        movedAtMs = clock.monotonicMs();
        done += 1;
        report?.({ jobId: record.id });
      },
      (error: unknown) => {
        settle(record, error);
      },
    );
    const tracked = one.finally(() => open.delete(tracked));
    open.add(tracked);
  };

  try {
    while (broken.length === 0 && line.length + open.size > 0) {
      if (line.length > 0) await pace.next();
      const record = next();
      if (record !== undefined) begin(record);
      // A race of none never ends.
      if (open.size > 0 && (record === undefined || open.size >= inFlightMax)) await Promise.race(open);
    }
  } finally {
    // Also of a call that was cut: the audit log has what it has acted upon.
    await Promise.all(open);
  }
  if (broken.length > 0) throw TroupeError.from(broken[0]);
  return { done, refused, failures };
}
