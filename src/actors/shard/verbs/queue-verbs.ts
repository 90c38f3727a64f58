/**
 * What callers may ask a shard about its queues. These are estimates from memory; nothing here is durable or promised.
 */
import type { PlaceItem, PlaceResult, QueueStatsItem } from '../../../application/ports/shard-protocol.ts';
import { defaultPriority } from '../../../domain/priority.ts';
import { noStats, type QueueStats } from '../../../domain/queue-stats.ts';
import type { ShardCore } from '../core/shard-core.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import type { Slot } from '../core/batch-reply.ts';
import { given } from '../../../domain/given.ts';

/** Counting stops here, because further back an estimate is good enough. */
const placesMax = 10_000;

export function place(core: ShardCore, { jobId }: PlaceItem, slot: Slot<PlaceResult>): void {
  slot.ok(placeOf(core, core.table.get(jobId)));
}

function placeOf(core: ShardCore, entry: JobEntry | undefined): PlaceResult {
  if (entry?.current.state !== 'QUEUED') return {};
  const level = entry.queueRef.index.waiting[entry.current.spec.priority ?? defaultPriority];
  let before = 0;
  for (const id of level?.keys() ?? []) {
    if (id === entry.current.id || before === placesMax) break;
    before += 1;
  }
  const heldBy = core.limiters.heldBy(entry);
  return { before, waiting: level?.size ?? 0, ...given({ heldBy }) };
}

export function queueStats(core: ShardCore, { tenant, queue }: QueueStatsItem, slot: Slot<QueueStats>): void {
  const index = core.table.queues.get(tenant, queue);
  slot.ok(index === undefined ? noStats : statsOf(index, core.nowMs()));
}

function statsOf(index: QueueIndex, nowMs: number): QueueStats {
  const { oldestReadyAtMs } = index;
  return {
    waiting: index.waiting.map(({ size }) => size),
    later: index.laterCount,
    running: index.runningCount,
    openBytes: index.openBytes,
    arrivalsPerSecond: index.arrivals.perSecond(nowMs),
    startsPerSecond: index.starts.perSecond(nowMs),
    endsPerSecond: index.ends.perSecond(nowMs),
    ...given({ oldestReadyAtMs }),
    waits: index.waits.weights(nowMs),
    runs: index.runs.weights(nowMs),
  };
}
