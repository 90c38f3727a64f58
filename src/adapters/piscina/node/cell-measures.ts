/** The metrics of the pool. */
import type { Counter, Gauge, Histogram, Telemetry } from '../../../application/ports/runtime.ts';
import { counters, gauges, histograms } from '../../../domain/measures.ts';

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
      ...counters.runs,
      help: 'Runs that ended on this node, by outcome: succeeded, stopped, lost, or the reason of the failure.',
    }),
    runDuration: telemetry.histogram({
      ...histograms.runDuration,
      help: 'Time from the start of a run in its thread to its end.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1_800],
    }),
    cellExits: telemetry.counter({
      ...counters.cellExits,
      help: 'Cell processes that ended: `died` by themselves, `killed` by this node, `compromised` (killed because a handler wrote to the node in place of its cell), `closed` in order with no run left.',
    }),
    recycled: telemetry.counter({
      ...counters.cellsRecycled,
      help: 'Cell processes that were replaced while they worked: `leaked threads`, `memory`, or `runs`.',
    }),
    threads: telemetry.gauge({
      ...gauges.threads,
      help: 'Threads of this node: `configured`, `busy` with a run, `leaked` (asked to end, but still there).',
    }),
    rss: telemetry.gauge({ ...gauges.cellsResidentBytes, help: 'Resident memory of the cell processes.' }),
  };
}
