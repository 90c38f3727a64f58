/**
 * Tracks which owner has a shard, which of its partitions are open, the epoch of each partition, and which of its jobs are
 * unfinished.
 */
import type { DatabaseSync } from 'node:sqlite';
import { invariant } from '../../../domain/errors.ts';
import type { OpenBucketOutcome } from '../../../application/ports/job-store.ts';

export interface ShardRow {
  readonly epoch: number;
  /** JSON. */
  readonly watermark: string | null;
}

export interface PartitionRow {
  readonly epoch: number;
  readonly commits: number;
}

export function createFenceOperations(file: DatabaseSync) {
  const take = file.prepare(
    `INSERT INTO shards (shard, epoch, owner) VALUES (?, 1, ?)
     ON CONFLICT DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch, watermark`,
  );
  const shardEpoch = file.prepare('SELECT epoch FROM shards WHERE shard = ?');
  const putWatermark = file.prepare('UPDATE shards SET watermark = ? WHERE shard = ? AND epoch = ?');
  const listOpen = file.prepare('SELECT bucket FROM open_buckets WHERE shard = ? ORDER BY bucket');
  const register = file.prepare('INSERT INTO open_buckets (shard, bucket) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const seal = file.prepare(
    `DELETE FROM open_buckets WHERE shard = ? AND bucket = ?
       AND EXISTS (SELECT 1 FROM shards WHERE shards.shard = open_buckets.shard AND epoch = ?)`,
  );
  // Only for an open partition, so that none is left behind when it is sealed.
  const putList = file.prepare(
    `INSERT INTO unfinished_lists (shard, bucket, commits, ids) SELECT shard, bucket, commits, ?4 FROM partitions
       WHERE shard = ?1 AND bucket = ?2 AND commits = ?3
       AND EXISTS (SELECT 1 FROM open_buckets WHERE shard = ?1 AND bucket = ?2)
     ON CONFLICT DO UPDATE SET commits = excluded.commits, ids = excluded.ids`,
  );
  const deleteList = file.prepare('DELETE FROM unfinished_lists WHERE shard = ? AND bucket = ?');
  const findList = file.prepare('SELECT ids FROM unfinished_lists WHERE shard = ? AND bucket = ? AND commits = ?');
  const partitionRow = file.prepare('SELECT epoch, commits FROM partitions WHERE shard = ? AND bucket = ?');
  const raise = file.prepare(
    `INSERT INTO partitions (shard, bucket, epoch, commits) VALUES (?, ?, ?, 0)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch RETURNING commits`,
  );
  const epochOf = (shard: number): number | undefined =>
    (shardEpoch.get(shard) as { readonly epoch: number } | undefined)?.epoch;

  const writes = {
    takeShard(shard: number, owner: string): ShardRow {
      const { epoch, watermark } = take.get(shard, owner) as unknown as ShardRow;
      return { epoch, watermark };
    },
    /** Because of the condition on the epoch, the watermark of a deposed owner changes no row. */
    saveWatermark(shard: number, epoch: number, watermark: string): void {
      putWatermark.run(watermark, shard, epoch);
    },
    /**
     * It is one transaction, so no other owner can come between the comparison with the shard's epoch and the raise of
     * the partition's epoch.
     */
    openBucket(shard: number, bucket: number, epoch: number): OpenBucketOutcome {
      const owner = epochOf(shard);
      invariant(owner !== undefined && owner >= epoch, 'an epoch was granted before it is used');
      if (owner > epoch) return { kind: 'deposed' };
      register.run(shard, bucket);
      const { commits } = raise.get(shard, bucket, epoch) as unknown as PartitionRow;
      return { kind: 'opened', commits };
    },
    sealBucket(shard: number, bucket: number, epoch: number): void {
      if (seal.run(shard, bucket, epoch).changes > 0) deleteList.run(shard, bucket);
    },
    /** `ids`: JSON. */
    listUnfinished(shard: number, bucket: number, commits: number, ids: string): void {
      putList.run(shard, bucket, commits, ids);
    },
  };
  const reads = {
    ownsShard: (shard: number, epoch: number): boolean => epochOf(shard) === epoch,
    openBuckets: (shard: number): readonly number[] => listOpen.all(shard).map((row) => Number(row['bucket'])),
    findUnfinished(shard: number, bucket: number, commits: number): string | undefined {
      return (findList.get(shard, bucket, commits) as { readonly ids: string } | undefined)?.ids;
    },
    readCommits(shard: number, bucket: number): PartitionRow {
      const row = partitionRow.get(shard, bucket) as PartitionRow | undefined;
      return { epoch: row?.epoch ?? 0, commits: row?.commits ?? 0 };
    },
  };
  return { writes, reads };
}
