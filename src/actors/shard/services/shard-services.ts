/** What a shard actor is created with: ports, limits, metrics. */
import type { Publisher } from '../../../application/ports/bus.ts';
import type { JobStore } from '../../../application/ports/job-store.ts';
import type { Counter, Gauge, Histogram, Telemetry } from '../../../application/ports/runtime.ts';
import type { ShardServer } from '../../../application/ports/shard-link.ts';
import type { ClosedQueues } from '../../../application/queues/closed-queues.ts';
import type { TenantFlowRules } from '../../../application/queues/tenant-flow-rules.ts';
import type { JobSpans } from '../../../application/traces/job-spans.ts';
import type { ShardBatcher } from '../../../application/protocol/shard-batcher.ts';
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { JobMemory } from '../table/job-memory.ts';
import { QueueGauges } from './queue-gauges.ts';
import type { WorkLooks } from './work-looks.ts';
import type { DispatchWindows } from './dispatch-windows.ts';
import type { WriteWatch } from '../placement/store-reach.ts';
import { counters, gauges, histograms } from '../../../domain/measures.ts';

export interface StopRun {
  readonly jobId: JobId;
  readonly token: string;
  readonly why: 'cancel' | 'stale';
}

export interface ShardLimits {
  /** Unfinished jobs per shard. Beyond this, submits get BACKLOG_FULL. */
  readonly backlogMax: number;
  /**
   * Facts of each kind (WORK messages, events) that may wait for JetStream. Beyond this, submits get BACKLOG_FULL. Jobs
   * may end while their facts wait, so `backlogMax` alone does not bound the outbox. Jobs that are already accepted add
   * only a few facts each, because no attempt starts while WORK messages are not published.
   */
  readonly outboxMax: number;
  /** Decisions that may wait for the store. Beyond this, submits get OVERLOADED. */
  readonly undurableMax: number;
  readonly groupMaxRecords: number;
  /** Ended jobs that are kept in memory for late readers. */
  readonly recentMax: number;
  /** Facts of each kind that may be on their way to JetStream. */
  readonly outboxWindowMax: number;
  /**
   * How long after its confirmation a message is assumed to be on JetStream's disk. 0 means that JetStream confirms
   * only what is on disk.
   */
  readonly brokerSyncMs: number;
  /**
   * How many facts are remembered during that time, so that they can be published again. If there are more, the shard
   * is read from the store instead.
   */
  readonly unsyncedMax: number;
  readonly mailboxCapacity: number;
  /** A run is lost if its node was not heard of for this long. */
  readonly runLostAfterMs: number;
  /** The unfinished jobs of a minute are listed when it had no commit for this long. */
  readonly listQuietMs: number;
}

const outboxWindowMax = 512;

/** A waiting job makes one fact of each kind. Those that are on their way are allowed on top of that. */
export function outboxMaxFor(backlogMax: number): number {
  return backlogMax + outboxWindowMax;
}

/** The server needs a moment to write what has gathered in a sync interval. */
const syncSlackMs = 2_000;

export function brokerSyncMsFor(syncIntervalMs: number): number {
  return syncIntervalMs === 0 ? 0 : syncIntervalMs + syncSlackMs;
}

const backlogMax = 200_000;

export const defaultShardLimits: ShardLimits = {
  backlogMax,
  outboxMax: outboxMaxFor(backlogMax),
  undurableMax: 20_000,
  groupMaxRecords: 500,
  recentMax: 2_000,
  outboxWindowMax,
  brokerSyncMs: brokerSyncMsFor(10_000),
  unsyncedMax: 50_000,
  mailboxCapacity: 4_096,
  runLostAfterMs: 7_000,
  listQuietMs: 30_000,
};

export interface ShardServices {
  readonly nodeId: string;
  readonly store: JobStore;
  readonly publisher: Publisher;
  readonly server: ShardServer;
  readonly limits: ShardLimits;
  readonly metrics: ShardMetrics;
  /** Tells a node at once. Heartbeats repeat it, so a lost message costs 2 s. */
  readonly stopRun: (node: string, stop: StopRun) => void;
  /** Whether every live worker node that takes the tenant has the handler, so that any of them may take the job. */
  readonly everyNodeHas: (need: HandlerNeed, tenant: string) => boolean;
  /** Whether at least one live node that takes the tenant has the handler. */
  readonly someNodeHas: (need: HandlerNeed, tenant: string) => boolean;
  /** Whether the node may run jobs of the tenant. */
  readonly nodeTakes: (nodeId: string, tenant: string) => boolean;
  /** Has another value when the answers of these three may have changed. */
  readonly fleetState: () => unknown;
  /** Shards of the whole cluster. */
  readonly shardCount: number;
  /** Limits, pauses and weights that hold the jobs of a queue back. */
  readonly flowRules: TenantFlowRules;
  /** Queues that accept no jobs. */
  readonly closedQueues: ClosedQueues;
  /** Shared by all shards of this process. */
  readonly workLooks: WorkLooks;
  /** Shared by all shards of this process. */
  readonly dispatchWindows: DispatchWindows;
  /** Shared by all shards of this process. Past its bound, submits get BACKLOG_FULL. */
  readonly memory: JobMemory;
  /** Calls to other shards, and to this one. */
  readonly peers: Pick<ShardBatcher, 'call'>;
  /** Every conditional write goes through this. */
  readonly write: WriteWatch;
  /** Absent if nobody collects traces. */
  readonly spans?: JobSpans;
  /** False when the lease may have expired. Then the shard answers nothing from memory alone. */
  readonly leaseIsSure: () => boolean;
}

export interface ShardMetrics {
  readonly jobs: Gauge;
  readonly queues: QueueGauges;
  readonly commitSeconds: Histogram;
  readonly commitRecords: Histogram;
  readonly waitSeconds: Histogram;
  readonly transitions: Counter;
  readonly outbox: Gauge;
  readonly workLost: Counter;
}

export function createShardMetrics(telemetry: Telemetry): ShardMetrics {
  return {
    jobs: telemetry.gauge({
      ...gauges.jobs,
      help: 'Unfinished jobs by state and shard.',
    }),
    queues: new QueueGauges(telemetry),
    commitSeconds: telemetry.histogram({
      ...histograms.commitDuration,
      help: 'Duration of a group commit.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    }),
    commitRecords: telemetry.histogram({
      ...histograms.commitGroupRecords,
      help: 'Records in a group commit.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    }),
    waitSeconds: telemetry.histogram({
      ...histograms.startLatency,
      help: 'Time from QUEUED to the claim.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300],
    }),
    transitions: telemetry.counter({
      ...counters.transitions,
      help: 'Transitions made durable, by event.',
    }),
    outbox: telemetry.gauge({
      ...gauges.outboxTasks,
      help: 'Durable facts that JetStream does not have yet.',
    }),
    workLost: telemetry.counter({
      ...counters.workLost,
      help: 'WORK messages sent again because JetStream no longer had them.',
    }),
  };
}
