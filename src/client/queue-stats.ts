/** Statistics of a queue as TypeScript programs see them. */
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';
import { given } from '../domain/given.ts';

/** Quantiles of durations. Each is within a fifth of the exact value. */
export interface DurationQuantiles {
  /** Half are shorter, in ms. */
  readonly p50Ms: number;
  /** Nine of ten are shorter, in ms. */
  readonly p90Ms: number;
  /** All but one in a hundred are shorter, in ms. */
  readonly p99Ms: number;
}

/** Statistics of a queue over the whole cluster. */
export interface QueueStatsInfo {
  /** QUEUED jobs. */
  readonly waiting: number;
  /** QUEUED jobs by priority: five numbers, priority 0 first. */
  readonly waitingByPriority: readonly number[];
  /** SCHEDULED and RETRYING jobs. */
  readonly dueLater: number;
  /** RUNNING and CANCELLING jobs. */
  readonly running: number;
  /** Size of the inputs of all jobs that wait or are due later, in bytes. */
  readonly bytes: number;
  /** How long the oldest QUEUED job has waited, in ms. Absent if none waits. */
  readonly oldestAgeMs?: number;
  /** Jobs that began to wait, per second. As in the other rates, an event a minute ago counts 1/e. */
  readonly arrivalsPerSecond: number;
  /** Attempts that started, per second. */
  readonly startsPerSecond: number;
  /** Jobs that ended, per second. */
  readonly endsPerSecond: number;
  /** Attempts that failed or were lost, per second. */
  readonly failedAttemptsPerSecond: number;
  /** Jobs that ended FAILED or EXPIRED, per second. */
  readonly failedJobsPerSecond: number;
  /** Time from QUEUED to the start. Absent if nothing has started lately. */
  readonly wait?: DurationQuantiles;
  /** Time from the start to the end of an attempt. Absent if none has ended lately. */
  readonly run?: DurationQuantiles;
  /** Shards of the cluster. */
  readonly shards: number;
  /** Shards that did not answer within 1 s. Their jobs are not counted. */
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
    ...given({ oldestAgeMs }),
    arrivalsPerSecond: stats.arrivalsPerSecond,
    startsPerSecond: stats.startsPerSecond,
    endsPerSecond: stats.endsPerSecond,
    failedAttemptsPerSecond: stats.failedAttemptsPerSecond,
    failedJobsPerSecond: stats.failedJobsPerSecond,
    ...given({
      wait: stats.wait ? fromQuantiles(stats.wait) : undefined,
      run: stats.run ? fromQuantiles(stats.run) : undefined,
    }),
    shards: stats.shards,
    silentShards: stats.silentShards,
    at: new Date(timestampMs(stats.time) ?? 0),
  };
}

export function fromQuantiles({ p50, p90, p99 }: wire.DurationQuantiles): DurationQuantiles {
  return { p50Ms: durationMs(p50) ?? 0, p90Ms: durationMs(p90) ?? 0, p99Ms: durationMs(p99) ?? 0 };
}
