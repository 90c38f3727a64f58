/** What is going on in a queue, as TypeScript programs see it. */
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';

export interface DurationQuantiles {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

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
  readonly arrivalsPerSecond: number;
  readonly startsPerSecond: number;
  readonly endsPerSecond: number;
  /** From QUEUED to the start. Absent: nothing has started lately. */
  readonly wait?: DurationQuantiles;
  /** From the start to the end of an attempt. Absent: none has ended lately. */
  readonly run?: DurationQuantiles;
  readonly shards: number;
  /** Those whose jobs are not in the numbers. */
  readonly silentShards: number;
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
