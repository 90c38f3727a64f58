/**
 * What callers may ask a shard about its queues. These are estimates from memory; nothing here is durable or promised.
 */
import type {
  PlaceItem,
  PlaceResult,
  QueueStatsItem,
  TenantStatsItem,
} from '../../../application/ports/shard-protocol.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { defaultPriority, type Priority } from '../../../domain/priority.ts';
import { noStats, type QueueStats } from '../../../domain/queue-stats.ts';
import type { TenantStats } from '../../../domain/tenant-stats.ts';
import type { ShardCore } from '../core/shard-core.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import type { Slot } from '../core/batch-reply.ts';
import { given } from '../../../domain/given.ts';

/** Counting stops here, because further back an estimate is good enough. */
const placesMax = 10_000;

export function place(core: ShardCore, { jobId }: PlaceItem, slot: Slot<PlaceResult>): void {
  slot.ok(placeOf(core, jobId));
}

function placeOf({ table, limiters }: ShardCore, jobId: JobId): PlaceResult {
  const entry = table.get(jobId);
  const { cold } = table;
  const coldSlot = cold.find(jobId);
  if (coldSlot !== undefined) {
    if (cold.stateOf(coldSlot) !== 'QUEUED') return {};
    const { index, priority } = cold.shapeOf(coldSlot);
    return placed(limiters, { index, priority, place: cold.placeOf(coldSlot), job: coldSlot, isInOrder: false });
  }
  if (entry?.current.state !== 'QUEUED') return {};
  const { place: at, queueRef, current } = entry;
  const { priority } = current.spec;
  return placed(limiters, {
    index: queueRef.index,
    priority,
    place: at,
    job: entry,
    isInOrder: queueRef.index.isInOrder,
  });
}

interface Placed {
  readonly index: QueueIndex;
  readonly priority: Priority | undefined;
  readonly place: number;
  readonly job: JobEntry | ColdSlot;
  /** See `QueueIndex`. */
  readonly isInOrder: boolean;
}

function placed(limiters: QueueLimiters, { priority = defaultPriority, ...placing }: Placed): PlaceResult {
  const { index, place: at, job, isInOrder } = placing;
  let before = 0;
  for (const other of index.waiting[priority]?.values() ?? []) {
    if (before === placesMax || (isInOrder && other === job)) break;
    if (isInOrder || other.place < at) before += 1;
  }
  before += limiters.coldBefore(index, priority, at, placesMax - before);
  const heldBy = limiters.heldBy(job);
  return { before, waiting: index.waitingCounts[priority] ?? 0, ...given({ heldBy }) };
}

export function queueStats(core: ShardCore, { tenant, queue }: QueueStatsItem, slot: Slot<QueueStats>): void {
  const index = core.table.queues.get(tenant, queue);
  slot.ok(index === undefined ? noStats : statsOf(index, core.nowMs()));
}

export function tenantStats({ table, kept }: ShardCore, { tenant }: TenantStatsItem, slot: Slot<TenantStats>): void {
  kept.ask(tenant, (keptBytes) => {
    const { running, unfinished, storedBytes } = table.queues.tallyOf(tenant);
    slot.ok({ running, unfinished, storedBytes: storedBytes + keptBytes });
  });
}

function statsOf(index: QueueIndex, nowMs: number): QueueStats {
  const { oldestReadyAtMs } = index;
  return {
    waiting: index.waitingCounts,
    later: index.laterCount,
    running: index.runningCount,
    openBytes: index.openBytes,
    arrivalsPerSecond: index.arrivals.perSecond(nowMs),
    startsPerSecond: index.starts.perSecond(nowMs),
    endsPerSecond: index.ends.perSecond(nowMs),
    failedAttemptsPerSecond: index.failedAttempts.perSecond(nowMs),
    failedJobsPerSecond: index.failedJobs.perSecond(nowMs),
    ...given({ oldestReadyAtMs }),
    waits: index.waits.weights(nowMs),
    runs: index.runs.weights(nowMs),
  };
}
