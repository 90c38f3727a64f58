/**
 * The hot path: writes one group of records in one transaction, on condition that the partition still has the caller's
 * epoch and count of commits. Either the condition holds and every row of the group is written, or nothing changes.
 */
import { bucketMs, jobIdParts, type JobIdParts } from '../../domain/job-id.ts';
import { invariant } from '../../domain/errors.ts';
import { goneAtMs, listedUntilMs } from '../../domain/record-life.ts';
import { commitGroupMax, type CommitGroup, type CommitOutcome } from '../../application/ports/job-store.ts';
import { flagOf, type JobFlag } from '../../application/storage/ended-listing.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** Expiry of a row that has none yet: the latest instant that a date can hold. */
export const neverMs = 8_640_000_000_000_000;
/**
 * Most pairs of queue and partition that are remembered as registered. Beyond that the memory is cleared and fills
 * again.
 */
const registeredMax = 10_000;

interface PreparedRow {
  readonly id: string;
  readonly queueNo: number;
  readonly expiresAtMs: number;
  readonly listedUntilMs: number;
  readonly record: string;
  readonly flag: JobFlag | undefined;
}

/** Prepares the rows before the file is locked, so that an invalid record does not waste the lock. */
function prepareRows(group: CommitGroup): readonly PreparedRow[] {
  const { shard, bucket } = group.partition;
  invariant(group.records.length <= commitGroupMax, 'a group has at most commitGroupMax records');
  return group.records.map((record) => {
    const parts: JobIdParts = jobIdParts(record.id);
    invariant(
      parts.shard === shard && Math.floor(parts.createdAtMs / bucketMs) === bucket,
      'every record of a group lies in its partition',
    );
    return {
      id: record.id,
      queueNo: parts.queueNo,
      expiresAtMs: Math.min(goneAtMs(record), neverMs),
      listedUntilMs: listedUntilMs(record),
      record: JSON.stringify(record),
      flag: flagOf(record),
    };
  });
}

export function createGroupCommit(database: SqliteDatabase): (group: CommitGroup) => Promise<CommitOutcome> {
  const fence = database.prepare(
    'UPDATE partitions SET commits = commits + 1 WHERE shard = ? AND bucket = ? AND epoch = ? AND commits = ?',
  );
  const present = database.prepare('SELECT epoch FROM partitions WHERE shard = ? AND bucket = ?');
  const putJob = database.prepare(
    `INSERT INTO jobs (shard, bucket, queue_no, id, expires_at, record) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record`,
  );
  const putFlag = database.prepare(
    `INSERT INTO job_flags (queue_no, id, state, reason, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, expires_at = excluded.expires_at`,
  );
  const putQueueBucket = database.prepare(
    `INSERT INTO queue_buckets (queue_no, bucket, shard, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`,
  );
  /** Maps `queue/bucket/shard` to the expiry that is registered for it. */
  const registered = new Map<string, number>();

  /**
   * Queues whose latest expiry is not registered. It is rounded up to a full minute, so that it changes only with the
   * retention.
   */
  const unregistered = (group: CommitGroup, rows: readonly PreparedRow[]): Map<number, number> => {
    const latest = new Map<number, number>();
    for (const row of rows) {
      const expiresAtMs = Math.ceil(row.listedUntilMs / bucketMs) * bucketMs;
      if (expiresAtMs > (latest.get(row.queueNo) ?? 0)) latest.set(row.queueNo, expiresAtMs);
    }
    for (const [queueNo, expiresAtMs] of latest) {
      if ((registered.get(registryKey(queueNo, group)) ?? 0) >= expiresAtMs) latest.delete(queueNo);
    }
    return latest;
  };

  return async (group) => {
    const { shard, bucket } = group.partition;
    const rows = prepareRows(group);
    const queues = unregistered(group, rows);
    const outcome = await database.write('commit', (): CommitOutcome => {
      if (fence.run(shard, bucket, group.epoch, group.commits).changes !== 1) {
        const epoch = present.get(shard, bucket)?.['epoch'];
        invariant(epoch !== group.epoch, 'the owner of a partition knows its count of commits');
        return 'deposed';
      }
      for (const [queueNo, expiresAtMs] of queues) putQueueBucket.run(queueNo, bucket, shard, expiresAtMs);
      for (const { queueNo, id, expiresAtMs, record, flag } of rows) {
        putJob.run(shard, bucket, queueNo, id, expiresAtMs, record);
        if (flag !== undefined) putFlag.run(queueNo, id, flag.state, flag.reason, expiresAtMs);
      }
      return 'applied';
    });
    if (outcome === 'applied') {
      if (registered.size > registeredMax) registered.clear();
      for (const [queueNo, expiresAtMs] of queues) registered.set(registryKey(queueNo, group), expiresAtMs);
    }
    return outcome;
  };
}

function registryKey(queueNo: number, group: CommitGroup): string {
  return `${queueNo}/${group.partition.bucket}/${group.partition.shard}`;
}
