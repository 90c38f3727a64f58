/** What the pool counts. */
import type { Counter, Gauge, Histogram, Telemetry } from '../../application/ports/runtime.ts';

export interface CellMeasures {
  readonly runs: Counter;
  readonly runDuration: Histogram;
  readonly cellExits: Counter;
  readonly recycled: Counter;
  readonly threads: Gauge;
  readonly rss: Gauge;
}

export function cellMeasures(telemetry: Telemetry): CellMeasures {
  return {
    runs: telemetry.counter({
      name: 'troupe_runs_total',
      help: 'Runs that ended on this node, by outcome: succeeded, stopped, lost, or the reason of the failure.',
      labelNames: ['outcome'],
    }),
    runDuration: telemetry.histogram({
      name: 'troupe_run_duration_seconds',
      help: 'From the start of a run in its thread to its end.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1_800],
    }),
    cellExits: telemetry.counter({
      name: 'troupe_cell_exits_total',
      help: 'Cell processes that ended: `died` by themselves, `killed` by this node, `closed` in order with no run left.',
      labelNames: ['cause'],
    }),
    recycled: telemetry.counter({
      name: 'troupe_cells_recycled_total',
      help: 'Cell processes that were replaced while they worked: `leaked threads`, `memory`, or `runs`.',
      labelNames: ['why'],
    }),
    threads: telemetry.gauge({
      name: 'troupe_threads',
      help: 'Threads of this node: `configured`, `busy` with a run, `leaked` (told to end, and still there).',
      labelNames: ['state'],
    }),
    rss: telemetry.gauge({ name: 'troupe_cells_resident_bytes', help: 'Resident memory of the cell processes.' }),
  };
}
