/** What the actors of a worker receive from the process around them. */
import type { TracedJob } from '../../application/traces/trace-ids.ts';
import type { LiveFeed, Publisher, WorkSource } from '../../application/ports/bus.ts';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { RunPool } from '../../application/ports/run-pool.ts';
import type { Counter, Gauge, Histogram, Telemetry } from '../../application/ports/runtime.ts';
import type { ShardBatcher } from '../../application/protocol/shard-batcher.ts';
import type { Sealing } from '../../application/sealing/sealing.ts';
import type { WatchedTenants } from '../../application/tenants/watched-tenants.ts';
import type { LogLevel } from '../../domain/job-log.ts';
import type { NodeHandlers } from './node-handlers.ts';
import type { SlotPool, UnreportedBounds } from './slot-pool.ts';
import { counters, gauges, histograms } from '../../domain/measures.ts';

export interface WorkerServices {
  readonly nodeId: string;
  readonly pool: RunPool;
  readonly slots: SlotPool;
  readonly tenants: Pick<WatchedTenants, 'look' | 'onChange'>;
  /** Whether this node takes jobs of the tenant. */
  readonly takesTenant: (tenant: string) => boolean;
  readonly handlers: NodeHandlers;
  readonly batcher: ShardBatcher;
  readonly source: WorkSource;
  readonly publisher: Pick<Publisher, 'acknowledge' | 'publishWork'>;
  readonly live: Pick<LiveFeed, 'publishProgress' | 'publishLogNews'>;
  readonly payloads: PayloadStore;
  readonly sealing: Sealing;
  /** What a handler gets as its trace context. Default: what the submitter sent. */
  readonly traceparent?: (job: TracedJob, attempt: number) => string;
  /** Writes a line of a handler into the log of the node. Default: nobody does. */
  readonly sayLine?: (level: LogLevel, line: { readonly runId: string; readonly text: string }) => void;
  readonly limits: WorkerLimits;
  readonly metrics: WorkerMetrics;
}

export interface WorkerLimits extends UnreportedBounds {
  /** A payload up to this size is inline in the record. */
  readonly inlineMaxBytes: number;
  /** A larger output fails the attempt (INVALID_OUTPUT). */
  readonly outputMaxBytes: number;
  /** The same for an output that is streamed. */
  readonly streamedMaxBytes: number;
  readonly heartbeatMs: number;
  /** The most messages of one pull. */
  readonly pullMax: number;
  /** The most routes that are pulled at a time. */
  readonly pullersMax: number;
  /** How long the doorbell waits for a message before it asks again. */
  readonly pullExpiresMs: number;
}

export const defaultWorkerLimits: WorkerLimits = {
  inlineMaxBytes: 1_024,
  outputMaxBytes: 16 * 1_048_576,
  streamedMaxBytes: 16 * 1_048_576,
  unreportedMax: 10_000,
  unreportedMaxBytes: 256 * 1_048_576,
  heartbeatMs: 2_000,
  pullMax: 256,
  pullersMax: 10_000,
  pullExpiresMs: 5_000,
};

export interface WorkerMetrics {
  readonly runs: Gauge;
  readonly queueDepth: Gauge;
  readonly unserved: Gauge;
  readonly runSeconds: Histogram;
  readonly ended: Counter;
}

export function createWorkerMetrics(telemetry: Telemetry): WorkerMetrics {
  return {
    queueDepth: telemetry.gauge({
      ...gauges.queueDepth,
      help: 'Messages of a queue in JetStream, including those taken and not yet acknowledged, as this node last saw them. Shards send them a window at a time.',
    }),
    unserved: telemetry.gauge({
      ...gauges.jobsUnserved,
      help: 'Messages of jobs that wait for a handler, or for a version of it, that no live node has: one or a few for each shard.',
    }),
    runs: telemetry.gauge({ ...gauges.runs, help: 'Runs of this node by phase.' }),
    runSeconds: telemetry.histogram({
      ...histograms.attemptDuration,
      help: 'Duration of an attempt, by handler.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800],
    }),
    ended: telemetry.counter({
      ...counters.runsEnded,
      help: 'Attempts that ended on this node, by outcome.',
    }),
  };
}
