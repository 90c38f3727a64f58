/** Formats what more shard processes cost at the same load, with the mark: within 1.1 × of one process. */
import type { ShardProcessesCost, ShardProcessesResult } from '../workloads/shard-processes.ts';
import { table } from './table.ts';

const within = 1.1;

type Marked = Pick<ShardProcessesCost, 'shards' | 'groupRecords'>;

/** CPU and size of groups, each as a ratio to one process. Above 1 is worse in both. */
function ratiosOf(one: Marked, result: Marked): Marked {
  return { shards: result.shards / one.shards, groupRecords: one.groupRecords / result.groupRecords };
}

export function shardProcessesMet(results: readonly ShardProcessesResult[]): boolean {
  const [one] = results;
  if (one === undefined) return true;
  return results
    .map(({ median }) => ratiosOf(one.median, median))
    .every(({ shards, groupRecords }) => shards <= within && groupRecords <= within);
}

export function shardProcessesTable(results: readonly ShardProcessesResult[]): string {
  const [one] = results;
  if (one === undefined) return '';
  const whole = (runs: readonly number[]): string => runs.map((value) => Math.round(value)).join(', ');
  return table(
    [
      'W9 shard processes',
      'CPU of shards, µs a job (runs)',
      'of that without any job',
      'of one process',
      'Records a group (runs)',
      'of one process',
      'CPU of gateway and worker, µs a job',
      'CPU of nats-server, µs a job',
      'mark: within 1.1 ×',
    ],
    results.map(({ processes, median, runs }) => {
      const ratios = ratiosOf(one.median, median);
      return [
        String(processes),
        `${Math.round(median.shards)} (${whole(runs.map(({ shards }) => shards))})`,
        String(Math.round(median.shardsIdle)),
        ratios.shards.toFixed(2),
        `${median.groupRecords.toFixed(2)} (${runs.map(({ groupRecords }) => groupRecords.toFixed(2)).join(', ')})`,
        ratios.groupRecords.toFixed(2),
        String(Math.round(median.edge)),
        String(Math.round(median.nats)),
        ratios.shards <= within && ratios.groupRecords <= within ? 'met' : 'missed',
      ];
    }),
  );
}
