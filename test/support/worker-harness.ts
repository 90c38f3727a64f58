/** The worker actors of a node in virtual time. The test plays the work source, the run pool and the shards. */
import { workersSupervisor } from '../../src/actors/worker/queue-watch-actor.ts';
import type { AttemptsMessage } from '../../src/actors/worker/attempts-message.ts';
import { NodeHandlers } from '../../src/actors/worker/node-handlers.ts';
import { SlotPool } from '../../src/actors/worker/slot-pool.ts';
import {
  createWorkerMetrics,
  defaultWorkerLimits,
  type WorkerLimits,
} from '../../src/actors/worker/worker-services.ts';
import type { ActorRef } from '../../src/kernel/index.ts';
import { createTestKit, type TestKit } from '../../src/kernel/testkit/index.ts';
import type {
  ProgressNote,
  WorkRoute,
  RouteDepth,
  WorkDelivery,
  WorkMessage,
} from '../../src/application/ports/bus.ts';
import type { RunRequest, RunStreams } from '../../src/application/ports/run-pool.ts';
import type {
  CheckpointItem,
  CheckpointResult,
  ClaimItem,
  HeartbeatItem,
  LogItem,
  ReportItem,
  ShardVerb,
  ShardVerbs,
} from '../../src/application/ports/shard-protocol.ts';
import type { BatchCallOptions } from '../../src/application/protocol/batch-queue.ts';
import { writeParts } from '../../src/application/storage/payload-parts.ts';
import { damagedPayload } from '../../src/application/storage/damaged-payload.ts';
import { noSealing, type Sealing } from '../../src/application/sealing/sealing.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { JobSpec, Payload } from '../../src/domain/job.ts';
import { composeJobId, type JobId } from '../../src/domain/job-id.ts';
import { testSpec } from './jobs.ts';
import { createPrometheusTelemetry } from '../../src/adapters/telemetry/prometheus.ts';

interface OpenPull {
  readonly route: WorkRoute;
  readonly batch: number;
  readonly expiresMs: number;
  resolve(deliveries: readonly WorkDelivery[]): void;
}

export interface WorkerHarness {
  readonly kit: TestKit;
  readonly slots: SlotPool;
  readonly handlers: NodeHandlers;
  readonly runs: ActorRef<AttemptsMessage>;
  readonly pulls: OpenPull[];
  readonly handed: RunRequest[];
  /** What each of those was given for its streams. */
  readonly streams: RunStreams[];
  readonly cancelled: string[];
  readonly claims: ClaimItem[];
  /** In whose line each claim went to its shard. */
  readonly claimLines: string[];
  readonly completed: ReportItem[];
  readonly checkpoints: CheckpointItem[];
  /** What was reported to the pool about its checkpoints. */
  readonly checkpointed: { readonly number: number; readonly saved: boolean }[];
  readonly payloads: Map<string, Uint8Array>;
  /** The ids of payloads that were loaded whole. */
  readonly loaded: string[];
  /** `slow` answers after one second. `damaged` has other bytes than were written. */
  payloadStore: 'up' | 'slow' | 'away' | 'damaged';
  readonly beats: HeartbeatItem[];
  readonly acks: string[];
  readonly givenBack: { readonly ackTo: string; readonly delayMs: number | undefined }[];
  readonly notes: ProgressNote[];
  readonly logNews: JobId[];
  readonly logs: LogItem[];
  /** The last line of an attempt's log that the shard knows. */
  logThrough: number;
  /** Messages that were moved to a handler route. */
  readonly moved: WorkMessage[];
  /** How often a consumer was asked for. */
  routesAsked: number;
  /** `slow` are there after ten seconds. */
  consumers: 'up' | 'slow';
  /** The queues in the shared configuration. */
  readonly queues: Map<string, number>;
  /** Tenants whose jobs this node does not take. */
  readonly otherTenants: Set<string>;
  /** What the stream reports about its routes. */
  waiting: readonly RouteDepth[];
  /** The gauges as they are exported. */
  readonly gauges: () => Promise<string>;
  threads: number;
  /** `silent` never answers. */
  shards: 'up' | 'away' | 'silent';
  /** Requests with these verbs fail after one second. */
  readonly failing: Set<ShardVerb>;
  /** Every request to a shard. */
  readonly asked: ShardVerb[];
  checkpoint: CheckpointResult['kind'];
  claim: 'granted' | 'drop';
  spec: JobSpec;
  /** The checkpoint of the next grants. */
  lastCheckpoint: Payload | undefined;
  /** The shard's clock and the end of the job by that clock, for the next grants. */
  shardTime: { readonly nowMs: number; readonly deadlineAtMs: number } | undefined;
  stop: { readonly jobId: JobId; readonly token: string; readonly why: 'cancel' | 'stale' }[];
  /** Puts a message into the queue. The oldest open pull receives it. */
  offer(unique: number, message?: Partial<WorkMessage>): Promise<WorkDelivery>;
  end(runId: string, outcome?: RunOutcomeLike): Promise<void>;
}
type RunOutcomeLike = Extract<AttemptsMessage, { kind: 'ended' }>['outcome'];

export async function createWorkerHarness(
  threads = 2,
  bounds: Partial<WorkerLimits> = {},
  sealing: Sealing = noSealing,
): Promise<WorkerHarness> {
  const kit = createTestKit();
  const exported = createPrometheusTelemetry();
  const ended = new Set<string>();
  const pool = {
    start: () => Promise.resolve([]),
    run(request: RunRequest, streams?: RunStreams) {
      harness.handed.push(request);
      if (streams !== undefined) harness.streams.push(streams);
    },
    capacity: () => harness.threads - (harness.handed.length - ended.size),
    cancel: (runId: string) => void harness.cancelled.push(runId),
    checkpointed: (_runId: string, number: number, saved: boolean) => void harness.checkpointed.push({ number, saved }),
    stats: () => ({ threads, busy: 0, waiting: 0, leaked: 0, rssBytes: 0, cells: [] }),
    runs: () => [],
    manifests: () => [],
    profile: () => Promise.reject(new Error('not expected of a worker: profile')),
    onManifests: () => () => undefined,
    stop: () => Promise.resolve(),
  };
  const limits = { ...defaultWorkerLimits, ...bounds };
  const slots = new SlotPool(pool, () => kit.clock.monotonicMs(), limits);
  const handlers = new NodeHandlers();
  handlers.replace([{ name: 'test.echo', version: '1.4.0' }]);
  const harness: WorkerHarness = {
    kit,
    slots,
    runs: kit.system.refAt<AttemptsMessage>('/workers/runs'),
    ...{
      pulls: [],
      handed: [],
      streams: [],
      loaded: [],
      cancelled: [],
      claims: [],
      claimLines: [],
      completed: [],
      checkpoints: [],
      checkpointed: [],
      beats: [],
      acks: [],
      givenBack: [],
      notes: [],
      logNews: [],
      logs: [],
      logThrough: 0,
      moved: [],
    },
    routesAsked: 0,
    consumers: 'up',
    queues: new Map([['default/default', 1]]),
    otherTenants: new Set(),
    waiting: [],
    stop: [],
    handlers,
    gauges: () => exported.metricsText(),
    threads,
    shards: 'up',
    failing: new Set(),
    asked: [],
    checkpoint: 'recorded',
    claim: 'granted',
    spec: testSpec(),
    payloads: new Map(),
    payloadStore: 'up',
    lastCheckpoint: undefined,
    shardTime: undefined,
    async offer(unique, message) {
      const delivery = deliveryOf(unique, message);
      harness.pulls.shift()?.resolve([delivery]);
      await kit.settle();
      return delivery;
    },
    async end(runId, outcome = { kind: 'succeeded' }) {
      ended.add(runId);
      harness.runs.tell({ kind: 'ended', runId, outcome, durationMs: 5 });
      await kit.settle();
    },
  };

  async function callShard(verb: ShardVerb, item: unknown): Promise<unknown> {
    harness.asked.push(verb);
    await Promise.resolve();
    if (harness.failing.has(verb)) {
      await new Promise<void>((resolve) => void kit.clock.setTimer(1_000, resolve));
      throw new TroupeError('SHARD_UNAVAILABLE');
    }
    if (harness.shards === 'away') throw new TroupeError('SHARD_UNAVAILABLE');
    if (harness.shards === 'silent') return new Promise(() => undefined);
    switch (verb) {
      case 'claim':
        harness.claims.push(item as ClaimItem);
        return harness.claim === 'drop' ? { kind: 'drop' } : grantOf(harness);
      case 'report':
        harness.completed.push(item as ReportItem);
        return { kind: 'recorded', state: 'SUCCEEDED' };
      case 'heartbeat':
        harness.beats.push(item as HeartbeatItem);
        return { stop: harness.stop };
      case 'checkpoint':
        harness.checkpoints.push(item as CheckpointItem);
        return { kind: harness.checkpoint };
      case 'log': {
        const { after, lines } = item as LogItem;
        harness.logs.push(item as LogItem);
        if (after <= harness.logThrough) harness.logThrough = lines.at(-1)?.number ?? harness.logThrough;
        return { kind: 'kept', through: harness.logThrough };
      }
      case 'readLog':
      case 'submit':
      case 'cancel':
      case 'erase':
      case 'reschedule':
      case 'get':
      case 'queueStats':
      case 'survey':
      case 'load':
      case 'closeQueue':
      case 'openQueue':
      case 'place':
      case 'leaseQuota':
      case 'leaseTenantQuota':
      case 'tenantStats':
      case 'limitUse':
        throw new Error(`not expected of a worker: ${verb}`);
    }
  }
  kit.system.spawn(
    'workers',
    workersSupervisor(
      {
        nodeId: 'n1',
        pool,
        slots,
        tenants: { look: () => undefined, onChange: () => () => undefined },
        takesTenant: (tenant) => !harness.otherTenants.has(tenant),
        handlers: harness.handlers,
        sealing,
        batcher: {
          call: <V extends ShardVerb>(
            _shard: number,
            verb: V,
            item: ShardVerbs[V]['item'],
            { tenant }: BatchCallOptions,
          ) => {
            if (verb === 'claim') harness.claimLines.push(tenant);
            return callShard(verb, item) as Promise<ShardVerbs[V]['result']>;
          },
          queued: () => 0,
          close: () => undefined,
        },
        source: {
          pull: ({ route, batch, expiresMs }) =>
            new Promise((resolve) => harness.pulls.push({ route, batch, expiresMs, resolve })),
          release: (ackTo, delayMs) => void harness.givenBack.push({ ackTo, delayMs }),
          ensureRoute: async () => {
            harness.routesAsked += 1;
            if (harness.consumers === 'slow')
              await new Promise<void>((resolve) => void kit.clock.setTimer(10_000, resolve));
          },
          removeRoute: () => Promise.reject(new Error('not expected of a worker')),
          routes: () => Promise.resolve(harness.waiting),
        },
        publisher: {
          acknowledge: (ackTo) => void harness.acks.push(ackTo),
          publishWork: (message) => {
            if (harness.shards === 'away') return Promise.reject(new TroupeError('BROKER_UNAVAILABLE'));
            harness.moved.push(message);
            return Promise.resolve();
          },
        },
        live: {
          publishProgress: (_tenant, _queue, note) => void harness.notes.push(note),
          publishLogNews: (_tenant, _queue, jobId) => void harness.logNews.push(jobId),
        },
        payloads: {
          deletePayload: (id) => {
            harness.payloads.delete(id);
            return Promise.resolve();
          },
          async writePayload({ name: id }, source) {
            const slices: Uint8Array[] = [];
            const whole = await writeParts(source, (part, slice) => Promise.resolve((slices[part] = slice)));
            harness.payloads.set(id, Buffer.concat(slices));
            return { id, ...whole };
          },
          putPayload: ({ name, bytes }) => {
            harness.payloads.set(name, bytes);
            return Promise.resolve(name);
          },
          async getPayload(id) {
            harness.loaded.push(id);
            if (harness.payloadStore === 'away') throw new TroupeError('STORE_UNAVAILABLE');
            if (harness.payloadStore === 'damaged') throw damagedPayload(id);
            if (harness.payloadStore === 'slow')
              await new Promise<void>((resolve) => void kit.clock.setTimer(1_000, resolve));
            return harness.payloads.get(id);
          },
          async openPayload(id) {
            const whole = harness.payloads.get(id);
            if (whole === undefined) return undefined;
            return {
              bytes: whole.byteLength,
              sha256: new Uint8Array(32),
              async *readFrom(offset) {
                if (harness.payloadStore === 'away') throw new TroupeError('STORE_UNAVAILABLE');
                yield whole.subarray(offset);
              },
            };
          },
        },
        limits,
        metrics: createWorkerMetrics({ ...kit.telemetry, gauge: (metric) => exported.gauge(metric) }),
      },
      { queues: () => harness.queues, onChange: () => () => undefined },
      { someNodeHas: ({ handler }) => handler !== 'test.nowhere' },
    ),
  );
  await kit.settle();
  return harness;
}

export const harnessToken = '1.1';

function grantOf({
  spec,
  lastCheckpoint: checkpoint,
  shardTime,
}: Pick<WorkerHarness, 'spec' | 'lastCheckpoint' | 'shardTime'>): ShardVerbs['claim']['result'] {
  const grant = { kind: 'granted', token: harnessToken, attempt: 1, spec, createdAtMs: 1, suspect: false } as const;
  return { ...grant, ...shardTime, ...(checkpoint !== undefined && { checkpoint }) };
}

function deliveryOf(unique: number, more: Partial<WorkMessage> = {}): WorkDelivery {
  const jobId = composeJobId({ createdAtMs: 1, shard: 0, queueNo: 1 }, BigInt(unique));
  const place = { tenant: 'default', queue: 'default', route: 'shared' } as const;
  const message = { ...place, jobId, attempt: 0, epoch: 1, need: { handler: 'test.echo' }, ...more };
  return { message, ackTo: `ack-${unique}`, deliveries: 1 };
}
