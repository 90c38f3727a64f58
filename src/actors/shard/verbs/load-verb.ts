/**
 * What waits and runs in a shard, for autoscalers. It comes from memory. Waiting jobs are counted as they change.
 * Running jobs are scanned, and there are at most as many as the cluster has slots.
 */
import { type ClusterLoad, type JobCount, queueKey, type RunCount } from '../../../domain/demand.ts';
import { needOf, needText } from '../../../domain/handler-need.ts';
import type { ShardCore } from '../shard-core.ts';
import type { Slot } from './batch-reply.ts';

/** Rows of each kind in one answer. The rest is reported as a sum. */
const loadRowsMax = 1_000;

interface Rows<T> {
  readonly kept: readonly T[];
  /** Jobs in the rows that were left out. */
  readonly omitted: number;
}

export function load(core: ShardCore, _item: unknown, slot: Slot<ClusterLoad>): void {
  const waiting = bounded(waitingIn(core));
  const running = bounded(runningIn(core));
  const heldByKey = core.limiters.heldByKey().slice(0, loadRowsMax);
  const omitted = waiting.omitted + running.omitted;
  slot.ok({ waiting: waiting.kept, running: running.kept, heldByKey, omitted });
}

function* waitingIn({ table }: ShardCore): Generator<JobCount, void> {
  for (const { tenant, queue, needs } of table.queues.all()) {
    for (const { need, waiting } of needs) if (waiting > 0) yield { tenant, queue, ...need, jobs: waiting };
  }
}

function runningIn({ table }: ShardCore): Iterable<RunCount> {
  const counts = new Map<string, { readonly row: Omit<RunCount, 'jobs'>; jobs: number }>();
  for (const { current } of table.running()) {
    if (current.run === undefined) continue;
    const { tenant, queue } = current.spec;
    const { node } = current.run;
    const need = needOf(current.spec);
    const key = `${node} ${queueKey({ tenant, queue })} ${needText(need)}`;
    const count = counts.get(key) ?? { row: { tenant, queue, ...need, node }, jobs: 0 };
    count.jobs += 1;
    counts.set(key, count);
  }
  return [...counts.values()].map(({ row, jobs }) => ({ ...row, jobs }));
}

function bounded<T extends { readonly jobs: number }>(rows: Iterable<T>): Rows<T> {
  const kept: T[] = [];
  let omitted = 0;
  for (const row of rows) {
    if (kept.length < loadRowsMax) kept.push(row);
    else omitted += row.jobs;
  }
  return { kept, omitted };
}
