/**
 * What waits and runs in a shard, for autoscalers. It comes from memory. Waiting jobs are counted as they change.
 * Running jobs are scanned, and there are at most as many as the cluster has slots.
 */
import { shardVerbs } from '../../../application/ports/shard-protocol.ts';
import { jsonBytes } from '../../../application/protocol/json-bytes.ts';
import { type ClusterLoad, type JobCount, queueKey, type RunCount } from '../../../domain/demand.ts';
import { needOf, needText } from '../../../domain/handler-need.ts';
import type { ShardCore } from '../core/shard-core.ts';
import type { Slot } from '../core/batch-reply.ts';
import { boundedLoad } from './load-bounds.ts';

export function load(core: ShardCore, item: Readonly<Record<string, never>>, slot: Slot<ClusterLoad>): void {
  const waiting = [...waitingIn(core)];
  const whole = { waiting, running: runningIn(core), heldByKey: core.limiters.heldByKey() };
  slot.ok(boundedLoad(whole, shardVerbs.load.answerBytes(jsonBytes(item))));
}

function* waitingIn({ table }: ShardCore): Generator<JobCount, void> {
  for (const { tenant, queue, needs } of table.queues.all()) {
    for (const { need, waiting } of needs) if (waiting > 0) yield { tenant, queue, ...need, jobs: waiting };
  }
}

function runningIn({ table }: ShardCore): readonly RunCount[] {
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
