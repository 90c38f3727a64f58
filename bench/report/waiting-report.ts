/** Formats what waiting jobs cost, one row for each number of them. */
import type { WaitingResults } from '../workloads/waiting-jobs.ts';
import { percentiles, spread, table, whole } from './table.ts';

export function waitingTable(results: readonly WaitingResults[]): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return table(
    [
      'W8 waiting jobs',
      'Submitted meanwhile',
      'RSS of the node',
      'Submit, one by one',
      'Start (drain)',
      'Submit to start at 200/s',
      'Kill to ready, first answer, every shard',
    ],
    results.map(({ recovery, ...row }) => [
      whole(row.jobs),
      `${whole(row.filledPerSecond)}/s`,
      `${whole(row.nodeRssMb)} MiB`,
      `${spread(row.submittedPerSecond)}/s`,
      `${spread(row.startedPerSecond)}/s`,
      percentiles(row.started),
      [recovery.readyMs, recovery.firstAnswerMs, recovery.everyShardMs].map(seconds).join(', '),
    ]),
  );
}
