/**
 * The hot path: writes one group of records in one transaction, on condition that the partition still has the caller's
 * epoch and count of commits. Either the condition holds and every row of the group is written, or nothing changes.
 */
import type { DatabaseSync } from 'node:sqlite';
import { invariant } from '../../../domain/errors.ts';
import { bucketMs } from '../../../domain/job-id.ts';
import type { CommitOutcome } from '../../../application/ports/job-store.ts';

/**
 * Most pairs of queue and partition that are remembered as registered. Beyond that the memory is cleared and fills
 * again.
 */
const registeredMax = 10_000;

/** Expiry of a row that has none yet: the latest instant that a date can hold. */
export const neverMs = 8_640_000_000_000_000;

export interface GroupCondition {
  readonly shard: number;
  readonly bucket: number;
  readonly epoch: number;
  readonly commits: number;
}

/** Of a job that ended without success: its state and the reason of its last failure. Otherwise null, twice. */
type FlagCells = readonly [state: string | null, reason: string | null];

/** One job. A tuple and not an object, because it is the cheapest to send to a thread. */
export type RecordRow = readonly [
  queueNo: number,
  id: string,
  expiresAtMs: number,
  listedUntilMs: number,
  record: string,
  ...flag: FlagCells,
];

export function createCommitOperation(file: DatabaseSync) {
  const fence = file.prepare(
    'UPDATE partitions SET commits = commits + 1 WHERE shard = ? AND bucket = ? AND epoch = ? AND commits = ?',
  );
  const present = file.prepare('SELECT epoch FROM partitions WHERE shard = ? AND bucket = ?');
  const putJob = file.prepare(
    `INSERT INTO jobs (shard, bucket, queue_no, id, expires_at, record) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record`,
  );
  const putFlag = file.prepare(
    `INSERT INTO job_flags (queue_no, id, state, reason, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, expires_at = excluded.expires_at`,
  );
  const putQueueBucket = file.prepare(
    `INSERT INTO queue_buckets (queue_no, bucket, shard, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`,
  );
  /** Maps `queue/bucket/shard` to the expiry that is registered for it. */
  const registered = new Map<string, number>();

  /**
   * Makes the queues of the group listable in its minute. Their latest expiry is rounded up to a full minute, so that it
   * changes only with the retention.
   */
  const register = ({ shard, bucket }: GroupCondition, rows: readonly RecordRow[]): void => {
    const latest = new Map<number, number>();
    for (const [queueNo, , , listedUntilMs] of rows) {
      const expiresAtMs = Math.ceil(listedUntilMs / bucketMs) * bucketMs;
      if (expiresAtMs > (latest.get(queueNo) ?? 0)) latest.set(queueNo, expiresAtMs);
    }
    if (registered.size > registeredMax) registered.clear();
    for (const [queueNo, expiresAtMs] of latest) {
      const key = `${queueNo}/${bucket}/${shard}`;
      if ((registered.get(key) ?? 0) >= expiresAtMs) continue;
      putQueueBucket.run(queueNo, bucket, shard, expiresAtMs);
      registered.set(key, expiresAtMs);
    }
  };

  return {
    commit: (condition: GroupCondition, rows: readonly RecordRow[]): CommitOutcome => {
      const { shard, bucket, epoch, commits } = condition;
      if (fence.run(shard, bucket, epoch, commits).changes !== 1) {
        invariant(
          present.get(shard, bucket)?.['epoch'] !== epoch,
          'the owner of a partition knows its count of commits',
        );
        return 'deposed';
      }
      register(condition, rows);
      for (const [queueNo, id, expiresAtMs, , record, state, reason] of rows) {
        putJob.run(shard, bucket, queueNo, id, expiresAtMs, record);
        if (state !== null) putFlag.run(queueNo, id, state, reason, expiresAtMs);
      }
      return 'applied';
    },
    /** Call it when a transaction was undone, or may have been: what it registered may be undone, too. */
    forgetRegistered: () => {
      registered.clear();
    },
  };
}
