/**
 * Reads of jobs, each a piece of some milliseconds at most; the caller puts pieces together. Every read skips expired
 * rows. The row of an unfinished job does not expire. Records are returned as their JSON.
 */
import type { DatabaseSync } from 'node:sqlite';
import { bucketMs, jobIdParts, type JobId } from '../../../domain/job-id.ts';
import type { ListOrder, Partition } from '../../../application/ports/job-store.ts';
import type { IdRange } from '../../../application/storage/job-listing.ts';
import type { JobFlag } from '../../../application/storage/ended-listing.ts';
import { createRecoveryRead } from './recovery-read.ts';

/** Partitions of a queue that a listing looks up at a time. */
export const minutesPageRows = 128;

export interface QueueBucketRow {
  readonly bucket: number;
  readonly shard: number;
}

/** What all pieces of a list have in common. */
export interface ListScope {
  readonly queueNo: number;
  readonly order: ListOrder;
  readonly nowMs: number;
}

function recordOf(row: unknown): string {
  return (row as { readonly record: string }).record;
}

function createRecordReads(file: DatabaseSync) {
  const one = file.prepare(
    'SELECT record FROM jobs WHERE shard = ? AND bucket = ? AND queue_no = ? AND id = ? AND expires_at > ?',
  );
  return {
    findJob(id: JobId, nowMs: number): string | undefined {
      const { shard, createdAtMs, queueNo } = jobIdParts(id);
      const row = one.get(shard, Math.floor(createdAtMs / bucketMs), queueNo, id, nowMs);
      return row === undefined ? undefined : recordOf(row);
    },
    /** Each is a look-up by its key: a hundred take a millisecond or two. */
    findJobs({ shard, bucket }: Partition, ids: readonly JobId[], nowMs: number): readonly string[] {
      const rows = [...new Set(ids)].map((id) => one.get(shard, bucket, jobIdParts(id).queueNo, id, nowMs));
      return rows.flatMap((row) => (row === undefined ? [] : [recordOf(row)]));
    },
  };
}

/** Reads for listings. Both directions have their own statements, because SQLite cannot bind the order. */
function createListReads(file: DatabaseSync) {
  const minutes = (step: '<' | '>', direction: 'ASC' | 'DESC') =>
    file.prepare(
      `SELECT bucket, shard FROM queue_buckets
       WHERE queue_no = ? AND (bucket, shard) ${step} (?, ?) AND bucket BETWEEN ? AND ? AND expires_at > ?
       ORDER BY bucket ${direction}, shard ${direction} LIMIT ?`,
    );
  const rows = (direction: 'ASC' | 'DESC') =>
    file.prepare(
      `SELECT record FROM jobs
       WHERE shard = ? AND bucket = ? AND queue_no = ? AND id > ? AND id < ? AND expires_at > ?
       ORDER BY id ${direction} LIMIT ?`,
    );
  const flags = (direction: 'ASC' | 'DESC') =>
    file.prepare(
      `SELECT id, state, reason FROM job_flags
       WHERE queue_no = ? AND id > ? AND id < ? AND expires_at > ? ORDER BY id ${direction} LIMIT ?`,
    );
  const newest = { minutes: minutes('<', 'DESC'), rows: rows('DESC'), flags: flags('DESC') };
  const oldest = { minutes: minutes('>', 'ASC'), rows: rows('ASC'), flags: flags('ASC') };
  const statements: Readonly<Record<ListOrder, typeof newest>> = { newest, oldest };
  return {
    /** Partitions in which the queue has rows, beyond `after` in the order, from one minute to another. */
    listMinutes(
      { queueNo, order, nowMs }: ListScope,
      after: QueueBucketRow,
      range: { readonly from: number; readonly to: number },
    ): readonly QueueBucketRow[] {
      const found = statements[order].minutes.all(
        ...[queueNo, after.bucket, after.shard, range.from, range.to, nowMs, minutesPageRows],
      ) as unknown as readonly QueueBucketRow[];
      return found.map(({ bucket, shard }) => ({ bucket, shard }));
    },
    listRows(
      { queueNo, order, nowMs }: ListScope,
      { bucket, shard }: QueueBucketRow,
      { above, below }: IdRange,
      limit: number,
    ): readonly string[] {
      return statements[order].rows.all(shard, bucket, queueNo, above, below, nowMs, limit).map(recordOf);
    },
    listFlags({ queueNo, order, nowMs }: ListScope, { above, below }: IdRange, limit: number): readonly JobFlag[] {
      const found = statements[order].flags.all(queueNo, above, below, nowMs, limit);
      return (found as unknown as readonly JobFlag[]).map(({ id, state, reason }) => ({ id, state, reason }));
    },
  };
}

export function createJobReads(file: DatabaseSync) {
  return { ...createRecordReads(file), ...createListReads(file), ...createRecoveryRead(file) };
}
