/**
 * Reads a shard from the store for a new owner. The order matters: raise the epoch of the shard, then the epoch of each
 * open partition, and only then read the partition. So no write of a former owner can come in between unseen. The
 * closed queues, too, are read after the epoch of the shard was raised: see `application/closed-queues.ts`.
 *
 * The watermark that was read is saved at once under the new epoch. Until then, a late watermark of the former owner
 * could still arrive, and its clock may be ahead. If this owner died before saving one of its own, the next owner would
 * trust that watermark and skip what this one has decided.
 */
import type { JobStore, ShardGrant, Watermark } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { ShardServices } from '../services/shard-services.ts';

interface OpenedPartition {
  readonly bucket: number;
  readonly commits: number;
  readonly records: readonly JobRecord[];
}

export interface RecoveredShard {
  readonly grant: ShardGrant;
  readonly partitions: readonly OpenedPartition[];
}

const nothingTold: Watermark = { streams: '', dispatchedThroughMs: 0, eventsThroughMs: 0 };

/** Partitions that are fenced and read at the same time. */
const parallelPartitions = 4;

export async function recover(
  { store, closedQueues, nodeId, write }: Pick<ShardServices, 'store' | 'closedQueues' | 'nodeId' | 'write'>,
  shard: number,
): Promise<RecoveredShard> {
  const grant = await write(() => store.takeShard(shard, nodeId));
  await store.saveWatermark(shard, grant.epoch, grant.watermark ?? nothingTold);
  await closedQueues.refresh();
  const buckets = await store.openBuckets(shard);
  const partitions: OpenedPartition[] = [];
  for (let i = 0; i < buckets.length; i += parallelPartitions) {
    const opened = buckets.slice(i, i + parallelPartitions).map((bucket) => openPartition(store, shard, bucket, grant));
    partitions.push(...(await Promise.all(opened)));
  }
  return { grant, partitions };
}

async function openPartition(
  store: JobStore,
  shard: number,
  bucket: number,
  grant: ShardGrant,
): Promise<OpenedPartition> {
  const partition = { shard, bucket };
  const opened = await store.openBucket(partition, grant.epoch);
  if (opened.kind === 'deposed') {
    throw new TroupeError('SHARD_UNAVAILABLE', { message: 'another owner took the shard meanwhile' });
  }
  const records: JobRecord[] = [];
  for await (const record of store.readBucket(partition)) records.push(record);
  return { bucket, commits: opened.commits, records };
}
