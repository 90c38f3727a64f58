/**
 * Lifetimes in the unit of CQL: whole seconds, rounded up. Cassandra counts from the start of the present second, so
 * one second is added. A row may live a second or two too long, but never too short.
 */
import type { Partition } from '../../application/ports/job-store.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { goneAtMs, retentionMaxMs } from '../../domain/record-life.ts';

const dayMs = 24 * 3_600_000;
/** The fence of a partition outlives its rows by this much. */
const fenceMarginMs = dayMs;
/**
 * The row of an unfinished job outlives both its retention and its last change by this much. The whole cluster may
 * stand still for that long after the time at which a job should have ended, and can still end it.
 */
export const unfinishedMarginMs = 3 * dayMs;
const ttlMaxSeconds = (retentionMaxMs + unfinishedMarginMs + 2 * dayMs) / 1_000;

/**
 * How long the row of a record stays in the table. For an ended job this is never shorter than for its unfinished
 * versions. Otherwise the job would come back to life on a replica that missed its end. Readers skip it when its
 * retention is over.
 */
export function storedUntilMs(record: JobRecord): number {
  const { createdAtMs, updatedAtMs, spec } = record;
  const unfinishedUntilMs = Math.max(createdAtMs + spec.retentionMs, updatedAtMs) + unfinishedMarginMs;
  return isTerminal(record.state) ? Math.max(goneAtMs(record), unfinishedUntilMs) : unfinishedUntilMs;
}

/** A time that has passed becomes one second, because a TTL of 0 means for ever. */
export function ttlSeconds(untilMs: number, nowMs: number): number {
  return Math.min(ttlMaxSeconds, Math.max(0, Math.ceil((untilMs - nowMs) / 1_000)) + 1);
}

export function fenceTtlSeconds(expiresAtMs: number, nowMs: number): number {
  return ttlSeconds(Math.max(expiresAtMs, nowMs) + fenceMarginMs, nowMs);
}

/** For entries that nothing refers to any more once the longest possible retention is over. */
export const longestTtlSeconds = ttlMaxSeconds;

/**
 * The latest expiry of the rows in each partition that this process has open. Without it, a later group of short-lived
 * rows would shorten the life of the fence.
 */
export interface PartitionExpiries {
  /**
   * The remembered expiry, but at least `atLeastMs`. For a partition that was forgotten, this is the longest possible
   * retention.
   */
  raised(partition: Partition, atLeastMs: number, nowMs: number): number;
  remember(partition: Partition, expiresAtMs: number): void;
  forget(partition: Partition): void;
}

/**
 * Open partitions of a process: shards times unsealed minutes. Beyond that everything is forgotten, which only costs
 * space.
 */
const rememberedMax = 50_000;

export function createPartitionExpiries(): PartitionExpiries {
  const known = new Map<string, number>();
  const keyOf = ({ shard, bucket }: Partition): string => `${shard}/${bucket}`;
  return {
    raised: (partition, atLeastMs, nowMs) =>
      Math.max(known.get(keyOf(partition)) ?? nowMs + retentionMaxMs + unfinishedMarginMs, atLeastMs),
    remember(partition, expiresAtMs) {
      if (known.size >= rememberedMax) known.clear();
      known.set(keyOf(partition), expiresAtMs);
    },
    forget(partition) {
      known.delete(keyOf(partition));
    },
  };
}
