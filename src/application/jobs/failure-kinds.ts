/**
 * Groups the failed jobs of a queue by their kind, newest first, page by page. One page looks at a bounded number of jobs, so
 * a group goes on in the next page, and whoever asks adds them up.
 */
import { holdsIn } from '../../domain/access/principal.ts';
import { type FailureKindFacts, failureKindOf } from '../../domain/failure-kind.ts';
import type { JobRecord } from '../../domain/job.ts';
import { defaultQueueName } from '../../domain/queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import type { ReadContext } from '../ports/call-context.ts';
import type { Clock } from '../ports/runtime.ts';
import { failureKindIdOf } from './failure-kind-id.ts';
import type { ListJobs, ListJobsQuery } from './list-jobs.ts';

/** Jobs that one page looks at. */
const failedJobsPerPage = 1_000;
/**
 * Of which the records are in memory, and are grouped in one turn of the loop. What they take is reserved for the whole
 * page, so records with long texts are counted as well.
 */
const loadedAtOnce = 250;
/** Jobs of a kind that are named. */
const samplesMax = 5;
/** Without a time, this far back. */
const lookBackMs = 24 * 3_600_000;

export interface FailureKind extends FailureKindFacts {
  readonly id: string;
  /** Of this page. */
  readonly jobs: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** The newest, at most five. */
  readonly sampleIds: readonly string[];
}

export interface FailureKindsPage {
  /** The kind of the newest job first. */
  readonly kinds: readonly FailureKind[];
  readonly lookedAt: number;
  /** Failed jobs that were created since have been looked at. */
  readonly searchedToMs: number;
  /** Jobs that ended before are left out. */
  readonly endedFromMs: number;
  /** Empty at the end. */
  readonly nextPageToken: string;
}

type FailureKindsQuery = Omit<ListJobsQuery, 'oldestFirst' | 'pageSize'>;

export type ListFailureKinds = (context: ReadContext, query: FailureKindsQuery) => Promise<FailureKindsPage>;

export function createListFailureKinds(parts: {
  readonly listJobs: ListJobs;
  readonly clock: Clock;
}): ListFailureKinds {
  const { listJobs, clock } = parts;
  return async (context, query) => {
    const withTexts = holdsIn(context.principal, 'payloads.read', query.queue || defaultQueueName);
    check(query);
    const endedFromMs = query.endedFromMs ?? clock.nowMs() - lookBackMs;
    const asked = { ...query, states: ['FAILED'], endedFromMs, oldestFirst: false, pageSize: loadedAtOnce } as const;
    const groups = new Map<string, FailureKind>();
    for (let [lookedAt, pageToken] = [0, query.pageToken]; ;) {
      const page = await listJobs(context, { ...asked, pageToken });
      for (const record of page.records) add(groups, record, withTexts);
      lookedAt += page.records.length;
      pageToken = page.nextPageToken;
      // A page that is not full has cost the store what it may.
      if (pageToken !== '' && page.records.length === loadedAtOnce && lookedAt < failedJobsPerPage) continue;
      const searchedToMs = page.searchedToMs ?? endedFromMs;
      return { kinds: [...groups.values()], lookedAt, searchedToMs, endedFromMs, nextPageToken: pageToken };
    }
  };
}

function check({ states, endedFromMs, pageToken }: FailureKindsQuery): void {
  const checks = new FieldChecks();
  if (states.length > 0) checks.add('filter.states', 'must be empty: only FAILED jobs have a kind of failure');
  if (pageToken !== '' && endedFromMs === undefined)
    checks.add('filter.ended_from', 'is required to continue: the ended_from of the first answer');
  checks.ensureNone();
}

function add(groups: Map<string, FailureKind>, record: JobRecord, withTexts: boolean): void {
  const facts = failureKindOf(record, withTexts);
  if (facts === undefined) return;
  const id = failureKindIdOf(facts, withTexts);
  const atMs = record.finishedAtMs ?? record.updatedAtMs;
  const known = groups.get(id);
  groups.set(id, {
    ...facts,
    id,
    jobs: (known?.jobs ?? 0) + 1,
    firstAtMs: Math.min(known?.firstAtMs ?? atMs, atMs),
    lastAtMs: Math.max(known?.lastAtMs ?? atMs, atMs),
    sampleIds: [...(known?.sampleIds ?? []), record.id].slice(0, samplesMax),
  });
}
