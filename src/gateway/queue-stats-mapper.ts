/** Maps the statistics of a queue to the contract. */
import type { ClusterQueueStats } from '../application/queues/queue-stats.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { type DurationWeights, quantileMs } from '../domain/duration-histogram.ts';
import { waitingOf } from '../domain/queue-stats.ts';

export function toQueueStats({ stats, shards, silent, askedAtMs }: ClusterQueueStats): Init<wire.QueueStats> {
  const { oldestReadyAtMs } = stats;
  return {
    waiting: waitingOf(stats),
    waitingByPriority: stats.waiting,
    dueLater: stats.later,
    running: stats.running,
    bytes: stats.openBytes,
    oldestAge: toOptionalTime(oldestReadyAtMs && Math.max(0, askedAtMs - oldestReadyAtMs)),
    arrivalsPerSecond: stats.arrivalsPerSecond,
    startsPerSecond: stats.startsPerSecond,
    endsPerSecond: stats.endsPerSecond,
    failedAttemptsPerSecond: stats.failedAttemptsPerSecond,
    failedJobsPerSecond: stats.failedJobsPerSecond,
    wait: toQuantiles(stats.waits),
    run: toQuantiles(stats.runs),
    shards,
    silentShards: silent,
    time: toTime(askedAtMs),
  };
}

export function toQuantiles(weights: DurationWeights): Init<wire.DurationQuantiles> | undefined {
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => quantileMs(weights, share));
  return p50 === undefined ? undefined : { p50: toTime(p50), p90: toOptionalTime(p90), p99: toOptionalTime(p99) };
}
