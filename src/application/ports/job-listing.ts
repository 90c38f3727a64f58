/**
 * A page of a queue's jobs, newest first, the same in every store: minute by minute backwards, the shards of one minute
 * merged by id. Ids sort by time, so an id is the whole page token and a page never shifts under inserts.
 *
 * Bound: a page opens at most `listPartitionsMax` partitions, except that the first minute it meets is always read
 * whole (at most one partition per shard). A page may therefore come back short, even empty, with `next` set.
 */
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, bucketOf, composeJobId, type JobId } from '../../domain/job-id.ts';
import type { JobListPage } from './job-store.ts';

export const listPartitionsMax = 64;
/** Listing looks no further back; no retention is longer. */
export const retentionMaxMs = 400 * 24 * 3_600_000;

/** The shards in which the queue has rows of one minute. */
export interface ListedMinute {
  readonly bucket: number;
  readonly shards: readonly number[];
}

export interface ListingSource {
  /** Minutes of the queue, newest first, none after `newest`. */
  minutes(newest: number): AsyncIterable<ListedMinute>;
  /** Rows of the queue in one partition, newest first; older than `before` if given. */
  rows(bucket: number, shard: number, before: JobId | undefined, limit: number): Promise<readonly JobRecord[]>;
}

/** Every id that the queue has in this minute or later is at or above it, every one before is below. */
function firstIdOf(bucket: number, queueNo: number): JobId {
  return composeJobId({ createdAtMs: bucket * bucketMs, shard: 0, queueNo }, 0n);
}

function newestBucket(queueNo: number, before: JobId | undefined): number {
  if (before === undefined) return Math.floor((2 ** 48 - 1) / bucketMs);
  const bucket = bucketOf(before);
  return before <= firstIdOf(bucket, queueNo) ? bucket - 1 : bucket;
}

/** One shard's rows of a minute, fetched in chunks as the merge eats them. */
interface Cursor {
  readonly shard: number;
  rows: readonly JobRecord[];
  at: number;
  exhausted: boolean;
}

/** The newest `need` rows of one minute. */
async function mergeMinute(
  source: ListingSource,
  minute: ListedMinute,
  before: JobId | undefined,
  need: number,
): Promise<JobRecord[]> {
  const chunk = Math.min(need, Math.max(16, Math.ceil((2 * need) / minute.shards.length)));
  const refill = async (cursor: Cursor): Promise<void> => {
    cursor.rows = await source.rows(minute.bucket, cursor.shard, cursor.rows.at(-1)?.id ?? before, chunk);
    cursor.at = 0;
    cursor.exhausted = cursor.rows.length < chunk;
  };
  const cursors = minute.shards.map((shard): Cursor => ({ shard, rows: [], at: 0, exhausted: false }));
  await Promise.all(cursors.map(refill));
  const merged: JobRecord[] = [];
  while (merged.length < need) {
    let best: Cursor | undefined;
    let bestRow: JobRecord | undefined;
    for (const cursor of cursors) {
      const row = cursor.rows[cursor.at];
      if (row !== undefined && (bestRow === undefined || row.id > bestRow.id)) {
        best = cursor;
        bestRow = row;
      }
    }
    if (best === undefined || bestRow === undefined) break;
    merged.push(bestRow);
    best.at += 1;
    if (best.at === best.rows.length && !best.exhausted) await refill(best);
  }
  return merged;
}

export async function listNewestFirst(
  source: ListingSource,
  query: { readonly queueNo: number; readonly before?: JobId; readonly limit: number; readonly nowMs: number },
): Promise<JobListPage> {
  const { queueNo, before, limit } = query;
  const oldest = Math.floor((query.nowMs - retentionMaxMs) / bucketMs);
  const records: JobRecord[] = [];
  let opened = 0;
  let lastRead: number | undefined;
  for await (const minute of source.minutes(newestBucket(queueNo, before))) {
    if (minute.bucket < oldest) break;
    if (lastRead !== undefined && opened + minute.shards.length > listPartitionsMax) {
      return { records, next: firstIdOf(lastRead, queueNo) };
    }
    // One more than asked for tells whether there is a next page.
    for (const record of await mergeMinute(source, minute, before, limit + 1 - records.length)) {
      const last = records.at(-1);
      if (records.length === limit && last !== undefined) return { records, next: last.id };
      records.push(record);
    }
    opened += minute.shards.length;
    lastRead = minute.bucket;
  }
  return { records };
}
