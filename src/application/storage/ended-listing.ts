/**
 * Lists a queue's failed, cancelled and expired jobs page by page, in the same way for every store. It reads the table
 * `job_flags`, which has one row for each of them, and so never looks at the other jobs. A flag is written no later
 * than the record that ends the job, so none is missing. A crash may leave a flag whose record says something else; the
 * record counts.
 *
 * Bounds: a page looks at no more than `listRowsMax` flags and reads no more than `endedReadsMax` records. It may
 * therefore return fewer jobs than requested with `next` set.
 */
import { type EndedState, endedStates, type FailureReason, type JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { type IdRange, listRowsMax, rangeOf } from './job-listing.ts';
import type { JobListPage, JobListQuery, ListOrder } from '../ports/job-store.ts';

/** States that a job has ended without success, and why. */
export interface JobFlag {
  readonly id: JobId;
  readonly state: EndedState;
  /** Reason of the job's last failure; null if it never failed. */
  readonly reason: FailureReason | null;
}

/** Records that one page may read. */
const endedReadsMax = 1_000;
/** Rows that a source returns at a time. */
export const flagPageRows = 500;
const readsAtOnce = 50;

export interface EndedSource {
  /** Flags of the queue in this order, in batches of at most `flagPageRows`. */
  flags(range: IdRange, order: ListOrder): AsyncIterable<readonly JobFlag[]>;
  record(id: JobId): Promise<JobRecord | undefined>;
}

/**
 * All flags of the range, page by page. `read` returns the first `flagPageRows` (or fewer) flags of the range it gets.
 */
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

/** The flag that a record needs. Undefined if the job has not ended, or has succeeded. */
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
        // One record more than requested shows that there is a next page.
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
