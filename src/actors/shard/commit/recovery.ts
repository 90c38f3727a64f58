/**
 * Reads a shard from the store for a new owner. The order matters: raise the epoch of the shard, then the epoch of each
 * open partition, and only then read the partition. So no write of a former owner can come in between unseen. The
 * closed queues, too, are read after the epoch of the shard was raised: see `application/closed-queues.ts`.
 *
 * The watermark that was read is saved at once under the new epoch. Until then, a late watermark of the former owner
 * could still arrive, and its clock may be ahead. If this owner died before saving one of its own, the next owner would
 * trust that watermark and skip what this one has decided.
 */
import {
  findJobsMax,
  type JobStore,
  type Partition,
  type RecoveredPage,
  type RecoveryTerms,
  type ShardGrant,
  type Watermark,
} from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { ShardServices } from '../services/shard-services.ts';

const nothingTold: Watermark = { streams: '', dispatchedThroughMs: 0, eventsThroughMs: 0 };

/** Partitions that are fenced and read at the same time. */
const parallelPartitions = 4;

/** Takes the shard over. From then on no former owner commits into a partition that is opened. */
export async function beginRecovery(
  { store, closedQueues, nodeId, write }: Pick<ShardServices, 'store' | 'closedQueues' | 'nodeId' | 'write'>,
  shard: number,
): Promise<ShardGrant> {
  const grant = await write(() => store.takeShard(shard, nodeId));
  await store.saveWatermark(shard, grant.epoch, grant.watermark ?? nothingTold);
  await closedQueues.refresh();
  return grant;
}

/** Gets what is read, page by page, so that nothing is kept but what is needed. */
export interface RecoveredJobs {
  /** What the next page must have. */
  terms(): RecoveryTerms;
  /** Whether a list of the unfinished jobs of this minute may stand for all its jobs. */
  mayGoByList(bucket: number): boolean;
  /** The partition is fenced. Its pages follow. `isListed`: the store has a list of its jobs that still counts. */
  partition(bucket: number, commits: number, isListed: boolean): void;
  /** When it returns a promise, the reader waits for that. */
  page(page: RecoveredPage): Promise<void> | undefined;
}

export async function readShard(
  { store }: Pick<ShardServices, 'store'>,
  shard: number,
  epoch: number,
  found: RecoveredJobs,
): Promise<void> {
  const read = async (bucket: number): Promise<void> => {
    const partition = { shard, bucket };
    const opened = await store.openBucket(partition, epoch);
    if (opened.kind === 'deposed') {
      throw new TroupeError('SHARD_UNAVAILABLE', { message: 'another owner took the shard meanwhile' });
    }
    // Asked for every minute, because a list that is ahead must go before this owner commits anything.
    const unfinished = await store.findUnfinished(partition, opened.commits);
    const listed = found.mayGoByList(bucket) ? unfinished : undefined;
    found.partition(bucket, opened.commits, listed !== undefined);
    const pages =
      listed === undefined ? store.readBucket(partition, () => found.terms()) : listedPages(store, partition, listed);
    for await (const page of pages) {
      const taken = found.page(page);
      if (taken !== undefined) await taken;
    }
  };
  const buckets = await store.openBuckets(shard);
  for (let i = 0; i < buckets.length; i += parallelPartitions) {
    const ended = await Promise.allSettled(buckets.slice(i, i + parallelPartitions).map(read));
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  }
}

/** The jobs of a list. Nothing changes them meanwhile, because the partition is fenced. */
async function* listedPages(
  store: Pick<JobStore, 'findJobs'>,
  partition: Partition,
  ids: readonly JobId[],
): AsyncGenerator<RecoveredPage, void> {
  for (let at = 0; at < ids.length; at += findJobsMax) {
    const records = await store.findJobs(partition, ids.slice(at, at + findJobsMax));
    yield { records, briefs: [], stampedMs: 0 };
  }
}
