/**
 * Lists a queue's jobs page by page, in the same way for every store. It walks minute by minute, forwards or backwards,
 * and merges the shards of one minute by id. Ids sort by time, so an id is the whole page token, and inserts never
 * shift a page.
 *
 * Bounds: a page opens at most `listPartitionsMax` partitions and looks at no more than `listRowsMax` rows. The first
 * minute of a page is always opened as a whole, which is at most one partition per shard. A page may therefore return
 * fewer jobs than requested, even none, with `next` set.
 */
import type { JobRecord } from '../../domain/job.ts';
import {
  bucketMs,
  bucketOf,
  composeJobId,
  idTimeMaxMs,
  maxQueueNo,
  maxShards,
  maxUnique,
  type JobId,
} from '../../domain/job-id.ts';
import { retentionMaxMs } from '../../domain/record-life.ts';
import type { JobListPage, JobListQuery, ListOrder } from '../ports/job-store.ts';

/** Partitions that a page may open. */
export const listPartitionsMax = 64;
/** Rows that a page may look at. The page may not contain all of them, because the filter is applied after reading. */
export const listRowsMax = 5_000;

/** Rows that are fetched from one shard at a time. */
const chunkMax = 500;
const chunkMin = 16;

/** The shards in which the queue has rows of this minute. */
export interface ListedMinute {
  readonly bucket: number;
  readonly shards: readonly number[];
}

/** Both bounds are exclusive. */
export interface IdRange {
  readonly above: JobId;
  readonly below: JobId;
}

export interface ListingSource {
  /** Minutes in which the queue has rows, from `oldest` to `newest` inclusive, in the given order. */
  minutes(order: ListOrder, oldest: number, newest: number): AsyncIterable<ListedMinute>;
  /** Rows of the queue in one partition, in the given order. */
  rows(
    partition: { readonly bucket: number; readonly shard: number },
    range: IdRange,
    order: ListOrder,
    limit: number,
  ): Promise<readonly JobRecord[]>;
}

/** Not above any id that the queue issues from this millisecond on, and above every earlier id. */
function firstIdAt(atMs: number, queueNo: number): JobId {
  return composeJobId({ createdAtMs: atMs, shard: 0, queueNo }, 0n);
}

/** Not below any id that the queue issues up to this millisecond, and below every later id. */
function lastIdAt(atMs: number, queueNo: number): JobId {
  return composeJobId({ createdAtMs: atMs, shard: maxShards - 1, queueNo }, maxUnique);
}

/** The ids that the query may return. The range is empty if `above` is not less than `below`. */
export function rangeOf({ order, cursor, createdFromMs, createdBeforeMs, nowMs }: JobListQuery): IdRange {
  const fromMs = Math.min(Math.max(createdFromMs ?? 0, nowMs - retentionMaxMs, 1), idTimeMaxMs);
  const beforeMs = Math.min(createdBeforeMs ?? idTimeMaxMs, idTimeMaxMs);
  // These bounds belong to no particular queue. They lie between two milliseconds, because they are exclusive.
  const above = lastIdAt(fromMs - 1, maxQueueNo);
  const below = firstIdAt(Math.max(beforeMs, 0), 0);
  if (cursor === undefined) return { above, below };
  if (order === 'newest') return { above, below: cursor < below ? cursor : below };
  return { above: cursor > above ? cursor : above, below };
}

/** The minutes in which the range may have rows. A bound on the edge of a minute does not include that minute. */
function minutesOf({ above, below }: IdRange, queueNo: number): { readonly oldest: number; readonly newest: number } {
  const [first, last] = [bucketOf(above), bucketOf(below)];
  return {
    oldest: above >= lastIdAt((first + 1) * bucketMs - 1, queueNo) ? first + 1 : first,
    newest: below <= firstIdAt(last * bucketMs, queueNo) ? last - 1 : last,
  };
}

/** One shard's rows of a minute, fetched in chunks as the merge consumes them. */
interface Cursor {
  readonly shard: number;
  rows: readonly JobRecord[];
  at: number;
  exhausted: boolean;
}

function comesFirst(order: ListOrder, left: JobId, right: JobId): boolean {
  return order === 'newest' ? left > right : left < right;
}

function beyond(order: ListOrder, range: IdRange, last: JobId | undefined): IdRange {
  if (last === undefined) return range;
  return order === 'newest' ? { ...range, below: last } : { ...range, above: last };
}

/** The rows of one minute in order. Reads `chunk` rows of each shard at a time. */
async function* merged(
  source: ListingSource,
  minute: ListedMinute,
  { range, order, chunk }: { readonly range: IdRange; readonly order: ListOrder; readonly chunk: number },
): AsyncIterable<JobRecord> {
  const refill = async (cursor: Cursor): Promise<void> => {
    const partition = { bucket: minute.bucket, shard: cursor.shard };
    cursor.rows = await source.rows(partition, beyond(order, range, cursor.rows.at(-1)?.id), order, chunk);
    cursor.at = 0;
    cursor.exhausted = cursor.rows.length < chunk;
  };
  const cursors = minute.shards.map((shard): Cursor => ({ shard, rows: [], at: 0, exhausted: false }));
  await Promise.all(cursors.map(refill));
  for (;;) {
    let best: Cursor | undefined;
    let bestRow: JobRecord | undefined;
    for (const cursor of cursors) {
      const row = cursor.rows[cursor.at];
      if (row !== undefined && (bestRow === undefined || comesFirst(order, row.id, bestRow.id))) {
        best = cursor;
        bestRow = row;
      }
    }
    if (best === undefined || bestRow === undefined) return;
    yield bestRow;
    best.at += 1;
    if (best.at === best.rows.length && !best.exhausted) await refill(best);
  }
}

/** An id beyond everything that the queue has in this minute, in the direction of the listing. */
function edgeOf(bucket: number, queueNo: number, order: ListOrder): JobId {
  return order === 'newest' ? firstIdAt(bucket * bucketMs, queueNo) : lastIdAt((bucket + 1) * bucketMs - 1, queueNo);
}

export async function listJobs(source: ListingSource, query: JobListQuery): Promise<JobListPage> {
  const { queueNo, limit, order, matches } = query;
  const range = rangeOf(query);
  const records: JobRecord[] = [];
  if (range.above >= range.below) return { records };
  let opened = 0;
  let looked = 0;
  let lastRead: number | undefined;
  const { oldest, newest } = minutesOf(range, queueNo);
  for await (const minute of source.minutes(order, oldest, newest)) {
    if (lastRead !== undefined && opened + minute.shards.length > listPartitionsMax) {
      return { records, next: edgeOf(lastRead, queueNo, order) };
    }
    // One row more than requested shows that there is a next page.
    const want = matches === undefined ? limit + 1 - records.length : listRowsMax - looked;
    const chunk = Math.min(Math.max(chunkMin, Math.ceil((2 * want) / minute.shards.length)), want, chunkMax);
    for await (const record of merged(source, minute, { range, order, chunk })) {
      looked += 1;
      if (matches === undefined || matches(record)) {
        const last = records.at(-1);
        if (records.length === limit && last !== undefined) return { records, next: last.id };
        records.push(record);
      }
      if (looked === listRowsMax) return { records, next: record.id };
    }
    opened += minute.shards.length;
    lastRead = minute.bucket;
  }
  return { records };
}
