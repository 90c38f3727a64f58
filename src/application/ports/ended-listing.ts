/**
 * A page of a queue's failed, cancelled and expired jobs, the same in every store, without looking at the others: by the
 * table `job_flags`, which has a row for each of them. A row is written no later than the record that ends the job, so
 * none is missing; a row whose record says something else is an orphan of a crash, and the record counts.
 *
 * Bounds: a page looks at no more than `listRowsMax` rows and reads no more than `endedReadsMax` records, so it may come
 * back short with `next` set.
 */
import { type EndedState, endedStates, type FailureReason, type JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { type IdRange, listRowsMax, rangeOf } from './job-listing.ts';
import type { JobListPage, JobListQuery, ListOrder } from './job-store.ts';

/** That a job has ended without success, and why. */
export interface JobFlag {
  readonly id: JobId;
  readonly state: EndedState;
  /** Of its last failure; null: none. */
  readonly reason: FailureReason | null;
}

const endedReadsMax = 1_000;
/** Rows that a source gives at a time. */
export const flagPageRows = 500;
const readsAtOnce = 50;

export interface EndedSource {
  /** Flags of the queue in this order, `flagPageRows` at a time at most. */
  flags(range: IdRange, order: ListOrder): AsyncIterable<readonly JobFlag[]>;
  record(id: JobId): Promise<JobRecord | undefined>;
}

/** All flags of the range by pages: `read` gives the first `flagPageRows` at most of what it is asked for. */
export async function* flagPages(
  range: IdRange,
  order: ListOrder,
  read: (rest: IdRange) => Promise<readonly JobFlag[]>,
): AsyncGenerator<readonly JobFlag[], void> {
  let rest = range;
  for (;;) {
    const page = await read(rest);
    yield page;
    const end = page.at(-1);
    if (end === undefined || page.length < flagPageRows) return;
    rest = order === 'newest' ? { ...rest, below: end.id } : { ...rest, above: end.id };
  }
}

/** Undefined: nothing to flag. */
export function flagOf({ id, state, failure }: JobRecord): JobFlag | undefined {
  const ended = endedStates.find((known) => known === state);
  return ended && { id, state: ended, reason: failure?.reason ?? null };
}

export async function listEnded(source: EndedSource, query: JobListQuery): Promise<JobListPage> {
  const { ended, limit, order, matches } = query;
  const range = rangeOf(query);
  const records: JobRecord[] = [];
  if (ended === undefined || range.above >= range.below) return { records };
  const isWanted = ({ state, reason }: JobFlag): boolean =>
    ended.states.includes(state) && (ended.reasons.length === 0 || (reason !== null && ended.reasons.includes(reason)));
  let [looked, read] = [0, 0];
  for await (const page of source.flags(range, order)) {
    const wanted = page.filter(isWanted);
    for (let from = 0; from < wanted.length; from += readsAtOnce) {
      const flags = wanted.slice(from, from + readsAtOnce);
      const found = await Promise.all(flags.map(({ id }) => source.record(id)));
      for (const record of found) {
        if (record === undefined || matches?.(record) === false) continue;
        const last = records.at(-1);
        // One more than asked for tells whether there is a next page.
        if (records.length === limit && last !== undefined) return { records, next: last.id };
        records.push(record);
      }
      read += flags.length;
      const last = flags.at(-1);
      if (read >= endedReadsMax && last !== undefined) return { records, next: last.id };
    }
    looked += page.length;
    const last = page.at(-1);
    if (looked >= listRowsMax && last !== undefined) return { records, next: last.id };
  }
  return { records };
}
