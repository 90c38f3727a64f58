/** What a shard actor is given: ports, limits, instruments. */
import type { Publisher } from '../../application/ports/bus.ts';
import type { JobStore } from '../../application/ports/job-store.ts';
import type { Counter, Gauge, Histogram, Telemetry } from '../../application/ports/runtime.ts';
import type { ShardServer } from '../../application/ports/shard-link.ts';
import type { ClosedQueues } from '../../application/queues/closed-queues.ts';
import type { FlowRules } from '../../application/queues/flow-rules.ts';
import type { ShardBatcher } from '../../application/protocol/shard-batcher.ts';
import type { HandlerNeed } from '../../domain/handler-need.ts';
import type { JobId } from '../../domain/job-id.ts';
import { QueueGauges } from './table/queue-gauges.ts';
import type { WorkLooks } from './dispatch/work-looks.ts';
import type { WriteWatch } from './placement/store-reach.ts';
import { counters, gauges, histograms } from '../../domain/measures.ts';

export interface StopRun {
  readonly jobId: JobId;
  readonly token: string;
  readonly why: 'cancel' | 'stale';
}

export interface ShardLimits {
  /** Unfinished jobs per shard; past it submits get BACKLOG_FULL. */
  readonly backlogMax: number;
  /**
   * Facts that may wait for JetStream; past it submits get BACKLOG_FULL. Jobs may end meanwhile and leave their facts
   * behind, so `backlogMax` alone bounds nothing. What was accepted adds a few facts for each job: no attempt starts while
   * no WORK message goes out.
   */
  readonly outboxMax: number;
  /** Decisions that may wait for the store; past it submits get OVERLOADED. */
  readonly undurableMax: number;
  readonly groupMaxRecords: number;
  /** Ended jobs kept in memory for late readers. */
  readonly recentMax: number;
  readonly outboxWindowMax: number;
  /** What JetStream has confirmed is on its disk after so long, as far as anybody knows; 0: before it confirms. */
  readonly brokerSyncMs: number;
  /** Facts that are remembered for so long, to be told again; past it the shard is read from the store instead. */
  readonly unsyncedMax: number;
  readonly mailboxCapacity: number;
  /** A run whose node was not heard for so long is lost. */
  readonly runLostAfterMs: number;
}

const outboxWindowMax = 512;

/** A job that waits makes two facts, its WORK message and its event; and as many as are on their way count for nothing. */
export function outboxMaxFor(backlogMax: number): number {
  return 2 * backlogMax + outboxWindowMax;
}

/** A server needs a moment to write what has gathered in an interval. */
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
};

export interface ShardServices {
  readonly nodeId: string;
  readonly store: JobStore;
  readonly publisher: Publisher;
  readonly server: ShardServer;
  readonly limits: ShardLimits;
  readonly metrics: ShardMetrics;
  /** Tells a node at once; heartbeats repeat it, so that a lost message costs 2 s. */
  readonly stopRun: (node: string, stop: StopRun) => void;
  /** Whether any node that works could run it: then any may take it. */
  readonly everyNodeHas: (need: HandlerNeed) => boolean;
  /** Whether there is one at all. */
  readonly someNodeHas: (need: HandlerNeed) => boolean;
  /** Of the cluster. */
  readonly shardCount: number;
  /** What holds the jobs of a queue back. */
  readonly flowRules: Pick<FlowRules, 'prepare' | 'ruleOf' | 'onChange'>;
  /** Queues whose jobs are not accepted. */
  readonly closedQueues: ClosedQueues;
  /** Of all shards of this process. */
  readonly workLooks: WorkLooks;
  /** The way to other shards, and to this one. */
  readonly peers: Pick<ShardBatcher, 'call'>;
  /** Every conditional write goes through it. */
  readonly write: WriteWatch;
  /** False when the lease may have run out: then nothing is answered from memory alone. */
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
