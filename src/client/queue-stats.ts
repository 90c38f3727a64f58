/** What is going on in a queue, as TypeScript programs see it. */
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';

/** How durations are spread; each is within a fifth of the truth. */
export interface DurationQuantiles {
  /** Half are shorter, in ms. */
  readonly p50Ms: number;
  /** Nine of ten are shorter, in ms. */
  readonly p90Ms: number;
  /** All but one in a hundred are shorter, in ms. */
  readonly p99Ms: number;
}

/** How a queue is doing. */
export interface QueueStatsInfo {
  /** QUEUED jobs. */
  readonly waiting: number;
  /** By priority, 0 first. */
  readonly waitingByPriority: readonly number[];
  /** SCHEDULED and RETRYING. */
  readonly dueLater: number;
  /** RUNNING and CANCELLING. */
  readonly running: number;
  /** Of the inputs of all that wait or are due later. */
  readonly bytes: number;
  /** Absent: none waits. */
  readonly oldestAgeMs?: number;
  /** Jobs that began to wait, a second; what happened a minute ago counts 1/e. */
  readonly arrivalsPerSecond: number;
  /** Attempts that started, a second. */
  readonly startsPerSecond: number;
  /** Jobs that ended, a second. */
  readonly endsPerSecond: number;
  /** From QUEUED to the start. Absent: nothing has started lately. */
  readonly wait?: DurationQuantiles;
  /** From the start to the end of an attempt. Absent: none has ended lately. */
  readonly run?: DurationQuantiles;
  /** Shards of the cluster. */
  readonly shards: number;
  /** Those whose jobs are not in the numbers. */
  readonly silentShards: number;
  /** When the shards were asked. */
  readonly at: Date;
}

export function fromQueueStats(stats: wire.QueueStats): QueueStatsInfo {
  const oldestAgeMs = durationMs(stats.oldestAge);
  return {
    waiting: stats.waiting,
    waitingByPriority: stats.waitingByPriority,
    dueLater: stats.dueLater,
    running: stats.running,
    bytes: numberOf(stats.bytes),
    ...(oldestAgeMs !== undefined && { oldestAgeMs }),
    arrivalsPerSecond: stats.arrivalsPerSecond,
    startsPerSecond: stats.startsPerSecond,
    endsPerSecond: stats.endsPerSecond,
    ...(stats.wait && { wait: fromQuantiles(stats.wait) }),
    ...(stats.run && { run: fromQuantiles(stats.run) }),
    shards: stats.shards,
    silentShards: stats.silentShards,
    at: new Date(timestampMs(stats.time) ?? 0),
  };
}

function fromQuantiles({ p50, p90, p99 }: wire.DurationQuantiles): DurationQuantiles {
  return { p50Ms: durationMs(p50) ?? 0, p90Ms: durationMs(p90) ?? 0, p99Ms: durationMs(p99) ?? 0 };
}
