/**
 * Registers which partitions hold jobs of a queue, so that listings need not scan. An entry is written before the first
 * commit of a queue in a partition and then remembered, so a commit normally costs no write here.
 */
import { bucketMs } from '../../domain/job-id.ts';
import type { Partition } from '../../application/ports/job-store.ts';
import type { CqlClient } from './cql-client.ts';
import { putQueueBucket, putQueueDay } from './tables/queue-buckets.ts';
import { ttlSeconds } from './time-to-live.ts';

const dayMs = 24 * 3_600_000;
const bucketsPerDay = dayMs / bucketMs;
/** Entries that are remembered. Beyond that the memory is cleared and fills again. */
const rememberedMax = 10_000;

export function dayOf(bucket: number): number {
  return Math.floor(bucket / bucketsPerDay);
}

/** `queues` maps a queue number to the latest end of a row. Undefined if there is nothing to write. */
export type QueueRegister = (
  partition: Partition,
  queues: ReadonlyMap<number, number>,
  nowMs: number,
) => Promise<unknown> | undefined;

export function createQueueRegister(client: CqlClient): QueueRegister {
  /** Maps `queue/bucket/shard` and `queue/day` to the end that is registered. */
  const registered = new Map<string, number>();

  const ensure = async (key: string, untilMs: number, write: () => Promise<unknown>): Promise<void> => {
    if ((registered.get(key) ?? 0) >= untilMs) return;
    await write();
    if (registered.size >= rememberedMax) registered.clear();
    registered.set(key, untilMs);
  };
  const registerQueue = (partition: Partition, queueNo: number, untilMs: number, nowMs: number): Promise<unknown> => {
    const { shard, bucket } = partition;
    const day = dayOf(bucket);
    const bucketTtl = ttlSeconds(untilMs, nowMs);
    // The day lasts a day longer than its buckets and is rounded up to a day, so it is written once a day.
    const dayUntilMs = Math.ceil(untilMs / dayMs + 1) * dayMs;
    return Promise.all([
      ensure(`${queueNo}/${bucket}/${shard}`, untilMs, () =>
        client.rows(putQueueBucket, [queueNo, day, bucket, shard, bucketTtl]),
      ),
      ensure(`${queueNo}/${day}`, dayUntilMs, () =>
        client.rows(putQueueDay, [queueNo, day, ttlSeconds(dayUntilMs, nowMs)]),
      ),
    ]);
  };

  return (partition, queues, nowMs) => {
    const writes: Promise<unknown>[] = [];
    for (const [queueNo, endMs] of queues) {
      // Rounded up to a full minute, so that it changes only with the retention.
      const untilMs = Math.ceil(endMs / bucketMs) * bucketMs;
      const key = `${queueNo}/${partition.bucket}/${partition.shard}`;
      if ((registered.get(key) ?? 0) < untilMs) writes.push(registerQueue(partition, queueNo, untilMs, nowMs));
    }
    return writes.length === 0 ? undefined : Promise.all(writes);
  };
}
