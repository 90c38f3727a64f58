/**
 * Frees the space of expired rows, at most `sweepRows` rows per table and transaction. Reads skip expired rows anyway.
 */
import type { DatabaseSync } from 'node:sqlite';

/** Some milliseconds of work, for which every other writer waits. */
const sweepRows = 500;
/** Payload parts of one batch. A part may be 1 MiB, so a few parts are as much work as many rows. */
const sweepParts = 16;
/** When to look again at a minute whose jobs have not all ended although it expired. */
const lookAgainMs = 3_600_000;

interface QueueBucketRow {
  readonly queueNo: number;
  readonly bucket: number;
  readonly shard: number;
}

/** Deletes expired jobs of one minute of a queue. Once none is left, deletes its entry and its fence. */
function createJobSweep(file: DatabaseSync): (nowMs: number) => boolean {
  const expiredMinute = file.prepare(
    `SELECT queue_no AS queueNo, bucket, shard FROM queue_buckets WHERE expires_at <= ? ORDER BY expires_at LIMIT 1`,
  );
  const deleteJobs = file.prepare(
    `DELETE FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3 AND id IN (
       SELECT id FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3 AND expires_at <= ?4 LIMIT ?5)`,
  );
  // The remaining jobs have not ended, or ended late. Listings keep the minute until it is looked at again.
  const keepMinute = file.prepare(
    `UPDATE queue_buckets SET expires_at = ?4 WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3
       AND EXISTS (SELECT 1 FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3)`,
  );
  const deleteMinute = file.prepare('DELETE FROM queue_buckets WHERE queue_no = ? AND bucket = ? AND shard = ?');
  // Keep the fence of a partition that is still open or holds jobs of another queue.
  const deletePartition = file.prepare(
    `DELETE FROM partitions WHERE shard = ?1 AND bucket = ?2
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE shard = ?1 AND bucket = ?2)
       AND NOT EXISTS (SELECT 1 FROM open_buckets WHERE shard = ?1 AND bucket = ?2)`,
  );
  return (nowMs) => {
    const minute = expiredMinute.get(nowMs) as unknown as QueueBucketRow | undefined;
    if (minute === undefined) return false;
    const { queueNo, bucket, shard } = minute;
    if (Number(deleteJobs.run(shard, bucket, queueNo, nowMs, sweepRows).changes) < sweepRows) {
      if (keepMinute.run(shard, bucket, queueNo, nowMs + lookAgainMs).changes > 0) return true;
      deleteMinute.run(queueNo, bucket, shard);
      deletePartition.run(shard, bucket);
    }
    return true;
  };
}

export function createSweepOperation(file: DatabaseSync) {
  const sweepJobs = createJobSweep(file);
  const deleteKeys = file.prepare(
    `DELETE FROM idempotency_keys WHERE (shard, key_hash) IN (
       SELECT shard, key_hash FROM idempotency_keys WHERE expires_at <= ? LIMIT ?)`,
  );
  const deleteFlags = file.prepare(
    `DELETE FROM job_flags WHERE (queue_no, id) IN (
       SELECT queue_no, id FROM job_flags WHERE expires_at <= ? LIMIT ?)`,
  );
  const deletePayloads = file.prepare(
    `DELETE FROM payload_parts WHERE rowid IN (SELECT rowid FROM payload_parts WHERE expires_at <= ? LIMIT ?)`,
  );
  const deleteKept = file.prepare(
    `DELETE FROM kept_bytes WHERE (shard, tenant) IN (
       SELECT shard, tenant FROM kept_bytes WHERE expires_at <= ? LIMIT ?)`,
  );
  const deleteAudit = file.prepare(
    `DELETE FROM audit_rows WHERE (scope, day, at_ms, writer, sequence) IN (
       SELECT scope, day, at_ms, writer, sequence FROM audit_rows WHERE expires_at <= ? LIMIT ?)`,
  );
  return {
    /** Deletes one small batch. True if there may be more. */
    sweep(nowMs: number): boolean {
      const jobsLeft = sweepJobs(nowMs);
      const keysLeft = Number(deleteKeys.run(nowMs, sweepRows).changes) === sweepRows;
      const flagsLeft = Number(deleteFlags.run(nowMs, sweepRows).changes) === sweepRows;
      const partsLeft = Number(deletePayloads.run(nowMs, sweepParts).changes) === sweepParts;
      const keptLeft = Number(deleteKept.run(nowMs, sweepRows).changes) === sweepRows;
      const auditLeft = Number(deleteAudit.run(nowMs, sweepRows).changes) === sweepRows;
      return jobsLeft || keysLeft || flagsLeft || partsLeft || keptLeft || auditLeft;
    },
  };
}
