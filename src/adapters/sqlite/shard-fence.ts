/** Tracks which owner has a shard, which of its partitions are open, and the epoch of each partition. */
import { invariant } from '../../domain/errors.ts';
import type {
  JobStore,
  OpenBucketOutcome,
  Partition,
  ShardGrant,
  Watermark,
} from '../../application/ports/job-store.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

interface PartitionRow {
  readonly epoch: number;
  readonly commits: number;
}

type ShardFence = Pick<
  JobStore,
  'takeShard' | 'ownsShard' | 'saveWatermark' | 'openBuckets' | 'openBucket' | 'sealBucket' | 'readCommits'
>;

export function createShardFence(database: SqliteDatabase): ShardFence {
  const take = database.prepare(
    `INSERT INTO shards (shard, epoch, owner) VALUES (?, 1, ?)
     ON CONFLICT DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch, watermark`,
  );
  const shardEpoch = database.prepare('SELECT epoch FROM shards WHERE shard = ?');
  const saveWatermark = database.prepare('UPDATE shards SET watermark = ? WHERE shard = ? AND epoch = ?');
  const openBuckets = database.prepare('SELECT bucket FROM open_buckets WHERE shard = ? ORDER BY bucket');
  const register = database.prepare('INSERT INTO open_buckets (shard, bucket) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const seal = database.prepare(
    `DELETE FROM open_buckets WHERE shard = ? AND bucket = ?
       AND EXISTS (SELECT 1 FROM shards WHERE shards.shard = open_buckets.shard AND epoch = ?)`,
  );
  const partitionRow = database.prepare('SELECT epoch, commits FROM partitions WHERE shard = ? AND bucket = ?');
  const raise = database.prepare(
    `INSERT INTO partitions (shard, bucket, epoch, commits) VALUES (?, ?, ?, 0)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch RETURNING commits`,
  );

  const readPartition = ({ shard, bucket }: Partition): PartitionRow | undefined =>
    partitionRow.get(shard, bucket) as PartitionRow | undefined;

  /**
   * Must run in one transaction, so that no other owner can come between the comparison with the shard's epoch and the
   * raise of the partition's epoch.
   */
  const open = (partition: Partition, epoch: number): OpenBucketOutcome => {
    const { shard, bucket } = partition;
    const owner = shardEpoch.get(shard) as { readonly epoch: number } | undefined;
    invariant(owner !== undefined && owner.epoch >= epoch, 'an epoch was granted before it is used');
    if (owner.epoch > epoch) return { kind: 'deposed' };
    register.run(shard, bucket);
    const raised = raise.get(shard, bucket, epoch) as { readonly commits: number };
    return { kind: 'opened', commits: raised.commits };
  };

  return {
    async takeShard(shard, owner): Promise<ShardGrant> {
      const row = (await database.write('take_shard', () => take.get(shard, owner))) as {
        readonly epoch: number;
        readonly watermark: string | null;
      };
      if (row.watermark === null) return { epoch: row.epoch };
      return { epoch: row.epoch, watermark: JSON.parse(row.watermark) as Watermark };
    },
    async ownsShard(shard, epoch) {
      const row = await database.read('owns_shard', () => shardEpoch.get(shard));
      return row?.['epoch'] === epoch;
    },
    // Because of the condition on the epoch, the watermark of a deposed owner changes no row.
    async saveWatermark(shard, epoch, watermark) {
      await database.write('save_watermark', () => saveWatermark.run(JSON.stringify(watermark), shard, epoch));
    },
    async openBuckets(shard) {
      const rows = (await database.read('open_buckets', () => openBuckets.all(shard))) as unknown as {
        bucket: number;
      }[];
      return rows.map((row) => row.bucket);
    },
    async openBucket(partition, epoch) {
      return database.write('open_bucket', () => open(partition, epoch));
    },
    async sealBucket({ shard, bucket }, epoch) {
      await database.write('seal_bucket', () => seal.run(shard, bucket, epoch));
    },
    async readCommits(partition) {
      const row = await database.read('read_commits', () => readPartition(partition));
      return row ?? { epoch: 0, commits: 0 };
    },
  };
}
