/** Formats the statistics of a queue for people. */
import type { DurationQuantiles, QueueStatsInfo } from '../../client/index.ts';
import { durationText } from './duration-text.ts';

export function statsText(name: string, stats: QueueStatsInfo): string {
  const { waiting, waitingByPriority, oldestAgeMs, silentShards, shards } = stats;
  const levels = waitingByPriority.flatMap((count, priority) =>
    count === 0 ? [] : [`${count} of priority ${priority}`],
  );
  const perSecond = (rate: number): string => `${rate < 10 ? rate.toFixed(2) : Math.round(rate)}/s`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['queue', name],
    ['waiting', levels.length < 2 ? `${waiting}` : `${waiting} (${levels.join(', ')})`],
    ['due later', `${stats.dueLater}`],
    ['running', `${stats.running}`],
    ['bytes', `${stats.bytes}`],
    ['oldest', oldestAgeMs === undefined ? undefined : durationText(oldestAgeMs)],
    ['arrivals', perSecond(stats.arrivalsPerSecond)],
    ['starts', perSecond(stats.startsPerSecond)],
    ['ends', perSecond(stats.endsPerSecond)],
    ['failed', failedText(stats, perSecond)],
    ['wait', quantilesText(stats.wait)],
    ['run', quantilesText(stats.run)],
    [
      'shards',
      silentShards === 0 ? undefined : `${silentShards} of ${shards} did not answer; their jobs are not counted`,
    ],
  ];
  return facts.flatMap(([fact, text]) => (text === undefined ? [] : [`${fact.padEnd(9)} ${text}\n`])).join('');
}

function failedText(
  { failedAttemptsPerSecond: attempts, failedJobsPerSecond: jobs }: QueueStatsInfo,
  perSecond: (rate: number) => string,
): string | undefined {
  return attempts + jobs === 0 ? undefined : `${perSecond(attempts)} of attempts, ${perSecond(jobs)} of jobs`;
}

function quantilesText(quantiles: DurationQuantiles | undefined): string | undefined {
  if (quantiles === undefined) return undefined;
  const { p50Ms, p90Ms, p99Ms } = quantiles;
  return `half within ${durationText(p50Ms)}, 90% ${durationText(p90Ms)}, 99% ${durationText(p99Ms)}`;
}
