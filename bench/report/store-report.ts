/** Formats the figures of one store: what was measured, the limit, and whether the mark was met. */
import type { MemoryReading } from '../harness/process-tree.ts';
import type { Percentiles, Sample } from '../harness/statistics.ts';
import type { Security } from '../harness/security.ts';
import type { StoreKind } from '../harness/system.ts';
import type { PublishedEvents } from '../../src/domain/job.ts';
import { pathLimit, type PathLimit, type ThroughputName } from '../limits/path-limit.ts';
import { type LimitRow, limitRows, type RawLimits } from '../limits/raw-limits.ts';
import type { WorkloadResults } from '../workloads/workload-results.ts';
import { percentiles, spread, table, whole } from './table.ts';

export interface StoreResults {
  readonly store: StoreKind;
  /** Which ones the jobs published. */
  readonly events: PublishedEvents;
  /** What callers had to show, and what was sealed or recorded. */
  readonly security: Security;
  readonly limits: RawLimits;
  readonly workloads: WorkloadResults;
  readonly idleMemory: MemoryReading;
  /** Servers included. */
  readonly idlePssMb: number;
  /** Share of the machine that other processes used, before and after. */
  readonly otherLoad: readonly [number, number];
}

export interface FigureRow {
  readonly name: string;
  readonly figure: string;
  readonly limit: string;
  readonly ratio: number | undefined;
  readonly mark: string;
  /** Undefined if there is no mark. */
  readonly met: boolean | undefined;
}

const throughputMark = 0.4;
const cpuMark = { sqlite: 0.9, cassandra: 0.8 } as const;
const startMark = 4;
const keysMark = 0.8;

const throughputTitles: Readonly<Record<ThroughputName, string>> = {
  W1: 'W1 submit, one by one, 64 callers',
  W2: 'W2 submit, batches of 500',
  W3: 'W3 drain of no-op jobs',
};

export function figureRows({ store, limits, workloads, idleMemory, events }: StoreResults): readonly FigureRow[] {
  const { W1, W2, W3, W4, W5, W7, memoryAfterW3 } = workloads;
  return [
    ...throughputRows({ W1, W2, W3 }, limits, events),
    ...(W4 === undefined ? [] : latencyRows(W4, limits)),
    ...(W5 === undefined ? [] : [cpuRow(W5, store)]),
    ...(W7 === undefined ? [] : keyRows(W7)),
    ...(memoryAfterW3 === undefined ? [] : memoryRows(idleMemory, memoryAfterW3)),
  ];
}

function throughputRows(
  figures: Record<ThroughputName, Sample | undefined>,
  limits: RawLimits,
  events: PublishedEvents,
): FigureRow[] {
  return (['W1', 'W2', 'W3'] as const).flatMap((name) => {
    const sample = figures[name];
    if (sample === undefined) return [];
    const limit: PathLimit = pathLimit(name, limits, events);
    const ratio = sample.median / limit.jobsPerSecond;
    return [
      {
        name: throughputTitles[name],
        figure: `${spread(sample)} jobs/s`,
        limit: `${whole(limit.jobsPerSecond)} jobs/s (${limit.resource})`,
        ratio,
        mark: `≥ ${throughputMark}`,
        met: ratio >= throughputMark,
      },
    ];
  });
}

function latencyRows(result: NonNullable<WorkloadResults['W4']>, limits: RawLimits): FigureRow[] {
  const commit = limits.store.idleCommitMs.p50;
  const callAndCommit = limits.grpc.idleUnaryMs.p50 + commit;
  const row = (name: string, times: Percentiles, limitMs: number, what: string, mark?: number): FigureRow => ({
    name,
    figure: percentiles(times),
    limit: `${limitMs.toFixed(2)} ms (${what})`,
    ratio: times.p50 / limitMs,
    mark: mark === undefined ? '' : `≤ ${mark}`,
    met: mark === undefined ? undefined : times.p50 <= mark * limitMs,
  });
  return [
    row('W4 submit to acknowledged', result.acknowledged, callAndCommit, 'idle call + idle commit'),
    row('W4 submit to handler start', result.started, commit, 'idle commit', startMark),
    row('W4 submit to completion seen', result.completed, callAndCommit + commit, 'idle call + 2 idle commits'),
  ];
}

function cpuRow({ troupeMs, bareMs, ratio }: NonNullable<WorkloadResults['W5']>, store: StoreKind): FigureRow {
  const mark = cpuMark[store];
  return {
    name: 'W5 CPU jobs of 20 ms on all cores',
    figure: `${spread(troupeMs)} ms`,
    limit: `${spread(bareMs)} ms (bare Piscina)`,
    ratio,
    mark: `≥ ${mark}`,
    met: ratio >= mark,
  };
}

function keyRows({ none, ...keyed }: NonNullable<WorkloadResults['W7']>): FigureRow[] {
  const titles = { idempotency: 'idempotency keys', unique: 'unique keys', window: 'unique keys with a window' };
  return (['idempotency', 'unique', 'window'] as const).map((kind) => {
    const ratio = keyed[kind].median / none.median;
    return {
      name: `W7 submit as W1, ${titles[kind]}`,
      figure: `${spread(keyed[kind])} jobs/s`,
      limit: `${spread(none)} jobs/s (without keys)`,
      ratio,
      mark: `≥ ${keysMark}`,
      met: ratio >= keysMark,
    };
  });
}

function memoryRows(idle: MemoryReading, after: MemoryReading): FigureRow[] {
  const row = (name: string, { totalMb, processes }: MemoryReading): FigureRow => ({
    name,
    figure: `${whole(totalMb)} MiB in ${processes.length} processes`,
    limit: '',
    ratio: undefined,
    mark: '',
    met: undefined,
  });
  return [row('W6 resident memory, idle', idle), row('W6 resident memory, after W3', after)];
}

export function reportTables(results: StoreResults): string {
  const figures = figureRows(results).map(({ name, figure, limit, ratio, mark, met }) => [
    name,
    figure,
    limit,
    ratio === undefined ? '' : ratio.toFixed(2),
    mark,
    met === undefined ? '' : met ? 'pass' : 'miss',
  ]);
  const limits = limitRows(results.limits).map((row) => [row.name, limitFigure(row)]);
  const costs = Object.entries(results.workloads.cpu ?? {}).map(([name, cost]) => [
    name,
    ...[cost.node, cost.cells, cost.nats, cost.cassandra, cost.load].map(whole),
  ]);
  return [
    otherLoadLine(results.otherLoad),
    table(['Raw limit', 'Median (least to most)'], limits),
    table(['Workload', 'Median (least to most)', 'Limit of its path', 'Ratio', 'Mark', ''], figures),
    ...(costs.length === 0
      ? []
      : [table(['CPU µs per job', 'node', 'cells', 'nats-server', 'Cassandra', 'load generator'], costs)]),
  ].join('\n\n');
}

/** Other load up to this share is within the variation between runs. */
const quietLoad = 0.1;

function otherLoadLine([before, after]: readonly [number, number]): string {
  const shares = `${whole(before * 100)} % before, ${whole(after * 100)} % after`;
  return Math.max(before, after) < quietLoad
    ? `Machine otherwise idle (${shares}).`
    : `Something else used the machine (${shares}): rates and times are worse than they need be.`;
}

function limitFigure({ unit, value }: LimitRow): string {
  return 'p50' in value ? percentiles(value) : `${spread(value)} ${unit}`;
}
