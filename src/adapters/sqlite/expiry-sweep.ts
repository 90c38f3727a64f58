/**
 * Frees the space of expired rows. Reads skip expired rows anyway, so the sweep is never urgent. It deletes at most
 * `sweepRows` rows per table and transaction, pauses between two transactions, and rests when nothing is left.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Some milliseconds of work on the caller's thread. */
const sweepRows = 500;
/** Pause between two batches. */
const pauseMs = 100;
/** Rest after the last batch. */
const restMs = 60_000;
/** When to look again at a minute whose jobs have not all ended although it expired. */
const lookAgainMs = 3_600_000;

interface QueueBucketRow {
  readonly queueNo: number;
  readonly bucket: number;
  readonly shard: number;
}

/** Deletes one small batch. Resolves with true if there may be more. */
export function createSweepStep(database: SqliteDatabase, clock: Clock): () => Promise<boolean> {
  const expiredMinute = database.prepare(
    `SELECT queue_no AS queueNo, bucket, shard FROM queue_buckets WHERE expires_at <= ? ORDER BY expires_at LIMIT 1`,
  );
  const deleteJobs = database.prepare(
    `DELETE FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3 AND id IN (
       SELECT id FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3 AND expires_at <= ?4 LIMIT ?5)`,
  );
  // The remaining jobs have not ended, or ended late. Listings keep the minute until it is looked at again.
  const keepMinute = database.prepare(
    `UPDATE queue_buckets SET expires_at = ?4 WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3
       AND EXISTS (SELECT 1 FROM jobs WHERE shard = ?1 AND bucket = ?2 AND queue_no = ?3)`,
  );
  const deleteMinute = database.prepare('DELETE FROM queue_buckets WHERE queue_no = ? AND bucket = ? AND shard = ?');
  // Keep the fence of a partition that is still open or holds jobs of another queue.
  const deletePartition = database.prepare(
    `DELETE FROM partitions WHERE shard = ?1 AND bucket = ?2
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE shard = ?1 AND bucket = ?2)
       AND NOT EXISTS (SELECT 1 FROM open_buckets WHERE shard = ?1 AND bucket = ?2)`,
  );
  const deleteKeys = database.prepare(
    `DELETE FROM idempotency_keys WHERE (shard, key_hash) IN (
       SELECT shard, key_hash FROM idempotency_keys WHERE expires_at <= ? LIMIT ?)`,
  );
  const deleteFlags = database.prepare(
    `DELETE FROM job_flags WHERE (queue_no, id) IN (
       SELECT queue_no, id FROM job_flags WHERE expires_at <= ? LIMIT ?)`,
  );
  const deletePayloads = database.prepare(
    `DELETE FROM payload_parts WHERE rowid IN (SELECT rowid FROM payload_parts WHERE expires_at <= ? LIMIT ?)`,
  );
  /** Payload parts of one batch. A part may be 1 MiB, so a few parts are as much work as many rows. */
  const sweepParts = 16;

  /** Deletes expired jobs of one minute of a queue. Once none is left, deletes its entry and its fence. */
  const sweepJobs = (nowMs: number): boolean => {
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

  return () =>
    database.write('sweep', () => {
      const nowMs = clock.nowMs();
      const jobsLeft = sweepJobs(nowMs);
      const keysLeft = Number(deleteKeys.run(nowMs, sweepRows).changes) === sweepRows;
      const flagsLeft = Number(deleteFlags.run(nowMs, sweepRows).changes) === sweepRows;
      const partsLeft = Number(deletePayloads.run(nowMs, sweepParts).changes) === sweepParts;
      return jobsLeft || keysLeft || flagsLeft || partsLeft;
    });
}

/** Sweeps until the returned function is called. */
export function startExpirySweep(database: SqliteDatabase, clock: Clock, log: Logger): () => void {
  const step = createSweepStep(database, clock);
  let stopped = false;
  let cancel: () => void = () => undefined;
  const again = (delayMs: number): void => {
    if (!stopped) cancel = clock.setTimer(delayMs, tick);
  };
  const tick = (): void => {
    step().then(
      (more) => again(more ? pauseMs : restMs),
      (error: unknown) => {
        if (!stopped) log.warn({ err: error }, 'sweep of expired rows failed; it is retried');
        again(restMs);
      },
    );
  };
  again(pauseMs);
  return () => {
    stopped = true;
    cancel();
  };
}
