/**
 * Tracks which owner has a shard, and which of its partitions are open.
 *
 * `openBucket` registers the bucket, raises its epoch, and then checks the shard's epoch. This order matters. Let O be
 * a former owner that paused at any point, and N its successor, which raises the shard's epoch before it reads
 * `open_buckets`.
 * - If O's check comes before N raises, O has registered before that too. N finds the bucket in `open_buckets` and
 *   raises its epoch. From then on O's commits are refused, and N reads the earlier ones.
 * - If O's check comes after N raises, O sees the higher epoch and never uses the partition. It leaves behind an empty
 *   partition of a lower epoch, which N raises if it ever needs that minute.
 *
 * So O can never commit into a partition that N does not know. Checking first would not suffice: O could check, pause,
 * and register after N has read.
 */
import { randomUUID } from 'node:crypto';
import { invariant } from '../../domain/errors.ts';
import type { JobId } from '../../domain/job-id.ts';
import {
  type JobStore,
  type OpenBucketOutcome,
  type Partition,
  type ShardFence,
  type ShardGrant,
  unfinishedListMax,
  type Watermark,
} from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { lastOf, slotsOf, slotsText } from '../../application/storage/kept-slots.ts';
import type { CqlClient } from './cql-client.ts';
import { repeatUndecided } from './undecided.ts';
import { createPartition, raisePartition, readPartition, type PartitionRow } from './tables/jobs.ts';
import { putKept, readKept } from './tables/kept-bytes.ts';
import { deleteBucket, readBuckets, registerBucket } from './tables/open-buckets.ts';
import { deleteList, putList, readList } from './tables/unfinished-lists.ts';
import { putWatermark, readWatermark } from './tables/shard-watermarks.ts';
import { createShard, raiseShard, readShard } from './tables/shards.ts';
import { fenceTtlSeconds, longestTtlSeconds, type PartitionExpiries, ttlSeconds } from './time-to-live.ts';
import type { WriteTimestamps } from './write-timestamps.ts';

/** Lifetime of a partition without a commit. No owner takes a day until its first commit. */
const emptyPartitionMs = 24 * 3_600_000;

export interface ShardFenceParts {
  readonly client: CqlClient;
  readonly clock: Clock;
  readonly timestamps: WriteTimestamps;
  readonly expiries: PartitionExpiries;
}

function createTakeShard(client: CqlClient, clock: Clock): JobStore['takeShard'] {
  const raise = async (shard: number, owner: string): Promise<number> => {
    // Unique, so that after an unknown outcome this call recognises itself in the row.
    const holder = `${owner}/${randomUUID()}`;
    return repeatUndecided(clock, async () => {
      const present = (await client.rows(readShard, [shard])).at(0);
      if (present?.owner === holder && present.epoch !== null) return present.epoch;
      const epoch = (present?.epoch ?? 0) + 1;
      const { applied } =
        epoch === 1
          ? await client.conditional(createShard, [shard, holder])
          : await client.conditional(raiseShard, [epoch, holder, shard, epoch - 1]);
      return applied ? epoch : undefined;
    });
  };
  return async (shard, owner): Promise<ShardGrant> => {
    const epoch = await raise(shard, owner);
    const row = (await client.rows(readWatermark, [shard])).at(0);
    const text = row?.watermark ?? undefined;
    return text === undefined ? { epoch } : { epoch, watermark: JSON.parse(text) as Watermark };
  };
}

function createOpenBucket({ client, clock, timestamps, expiries }: ShardFenceParts): JobStore['openBucket'] {
  /** Returns the row once the partition has this epoch or a higher one. */
  const raise = ({ shard, bucket }: Partition, epoch: number): Promise<PartitionRow> =>
    repeatUndecided(clock, async () => {
      const present = (await client.rows(readPartition, [shard, bucket])).at(0);
      const nowMs = clock.nowMs();
      if (present === undefined || present.epoch === null) {
        const expiresAtMs = nowMs + emptyPartitionMs;
        const ttl = fenceTtlSeconds(expiresAtMs, nowMs);
        const params = [ttl, epoch, BigInt(expiresAtMs), shard, bucket];
        const { applied } = await client.conditional(createPartition, params);
        return applied ? { epoch, commits: 0, expires_at: BigInt(expiresAtMs) } : undefined;
      }
      if (present.epoch >= epoch) return present;
      // The condition is `epoch <` and not `commits =`, so that a former owner that keeps committing cannot starve this
      // one.
      const ttl = fenceTtlSeconds(Number(present.expires_at ?? 0n), nowMs);
      await client.conditional(raisePartition, [ttl, epoch, shard, bucket, epoch]);
      return undefined;
    });

  return async (partition, epoch): Promise<OpenBucketOutcome> => {
    const { shard, bucket } = partition;
    await client.rows(registerBucket, [shard, bucket, timestamps(shard, epoch), longestTtlSeconds]);
    const row = await raise(partition, epoch);
    if (row.epoch !== epoch) return { kind: 'deposed' };
    const owner = (await client.rows(readShard, [shard])).at(0);
    const shardEpoch = owner?.epoch ?? 0;
    invariant(shardEpoch >= epoch, 'an epoch was granted before it is used');
    if (shardEpoch > epoch) return { kind: 'deposed' };
    expiries.remember(partition, Number(row.expires_at ?? 0n));
    return { kind: 'opened', commits: row.commits ?? 0 };
  };
}

export function createShardFence(parts: ShardFenceParts): ShardFence {
  const { client, clock, timestamps, expiries } = parts;
  return {
    takeShard: createTakeShard(client, clock),
    openBucket: createOpenBucket(parts),
    async ownsShard(shard, epoch) {
      const owner = (await client.rows(readShard, [shard])).at(0);
      return owner?.epoch === epoch;
    },
    async saveWatermark(shard, epoch, watermark) {
      await client.rows(putWatermark, [shard, JSON.stringify(watermark), timestamps(shard, epoch)]);
    },
    async saveKept({ shard, tenant }, epoch, slots) {
      const nowMs = clock.nowMs();
      const ttl = ttlSeconds(lastOf(slots, nowMs), nowMs);
      await client.rows(putKept, [shard, tenant, slotsText(slots), timestamps(shard, epoch), ttl]);
    },
    async findKept({ shard, tenant }) {
      const row = (await client.rows(readKept, [shard, tenant])).at(0);
      return slotsOf(row?.slots, clock.nowMs());
    },
    async openBuckets(shard) {
      const buckets: number[] = [];
      for await (const page of client.pages(readBuckets, [shard])) {
        buckets.push(...page.map((row) => row.bucket));
      }
      return buckets;
    },
    async listUnfinished(partition, { commits, ids }) {
      invariant(ids.length <= unfinishedListMax, 'a list has at most unfinishedListMax jobs');
      const nowMs = clock.nowMs();
      const ttl = ttlSeconds(expiries.raised(partition, nowMs, nowMs), nowMs);
      await client.rows(putList, [partition.shard, partition.bucket, commits, JSON.stringify(ids), ttl]);
    },
    async findUnfinished({ shard, bucket }, commits) {
      const row = (await client.rows(readList, [shard, bucket])).at(0);
      if (row !== undefined && row.commits > commits) await client.rows(deleteList, [shard, bucket]);
      return row?.commits === commits ? (JSON.parse(row.ids) as readonly JobId[]) : undefined;
    },
    async sealBucket(partition, epoch) {
      const { shard, bucket } = partition;
      await client.rows(deleteBucket, [timestamps(shard, epoch), shard, bucket]);
      expiries.forget(partition);
    },
    async readCommits({ shard, bucket }) {
      const row = (await client.rows(readPartition, [shard, bucket])).at(0);
      return { epoch: row?.epoch ?? 0, commits: row?.commits ?? 0 };
    },
  };
}
