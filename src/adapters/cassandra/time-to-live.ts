/**
 * Lifetimes in the unit of CQL: whole seconds, rounded up. Cassandra counts from the start of the present second, so one
 * more is added: a row may live a second or two too long, never too short.
 */
import { retentionMaxMs } from '../../application/ports/job-listing.ts';
import type { Partition } from '../../application/ports/job-store.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { goneAtMs } from '../../domain/record-life.ts';

const dayMs = 24 * 3_600_000;
/** The fence of a partition outlives its rows by this much. */
const fenceMarginMs = dayMs;
/**
 * A record that has not ended outlives its retention, and what was decided about it last, by this much: for so long the whole
 * cluster may stand still past the time at which a job was to end, and still end it.
 */
export const unfinishedMarginMs = 3 * dayMs;
const ttlMaxSeconds = (retentionMaxMs + unfinishedMarginMs + 2 * dayMs) / 1_000;

/**
 * Until when the row of a record stays in the table. That of an ended one is not shorter than that of the versions before
 * its end: else, on a replica that missed the end, the job would come to life again. Readers leave it out when it is gone.
 */
export function storedUntilMs(record: JobRecord): number {
  const { createdAtMs, updatedAtMs, spec } = record;
  const unfinishedUntilMs = Math.max(createdAtMs + spec.retentionMs, updatedAtMs) + unfinishedMarginMs;
  return isTerminal(record.state) ? Math.max(goneAtMs(record), unfinishedUntilMs) : unfinishedUntilMs;
}

/** What is over already gets a second: a TTL of 0 would mean for ever. */
export function ttlSeconds(untilMs: number, nowMs: number): number {
  return Math.min(ttlMaxSeconds, Math.max(0, Math.ceil((untilMs - nowMs) / 1_000)) + 1);
}

export function fenceTtlSeconds(expiresAtMs: number, nowMs: number): number {
  return ttlSeconds(Math.max(expiresAtMs, nowMs) + fenceMarginMs, nowMs);
}

/** For entries that nothing refers to any more once every retention is over. */
export const longestTtlSeconds = ttlMaxSeconds;

/**
 * How long the rows of the partitions that this process has open will live at most, so that a later short-lived group
 * does not shorten the life of the fence.
 */
export interface PartitionExpiries {
  /** What is known, raised to `atLeastMs`. A forgotten partition gets the longest retention there is: never too short. */
  raised(partition: Partition, atLeastMs: number, nowMs: number): number;
  remember(partition: Partition, expiresAtMs: number): void;
  forget(partition: Partition): void;
}

/** Open partitions of a process: shards times unsealed minutes. Past it all is forgotten, which costs only space. */
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
