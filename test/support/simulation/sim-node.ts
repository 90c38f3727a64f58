/**
 * One process of the simulated cluster: the real composition of a node (membership, shard manager, shards, workers) and
 * the real use cases of its gateway, on a modelled store, bus and run pool. A restart is a new `SimNode` of the same
 * name.
 */
import { type ActorSystem, createActorSystem } from '../../../src/kernel/index.ts';
import type { AdminMessage } from '../../../src/actors/node/admin-message.ts';
import { HandlerFleet } from '../../../src/application/jobs/handler-fleet.ts';
import { createShardBatcher, type ShardBatcher } from '../../../src/application/protocol/shard-batcher.ts';
import { createShardRouter, type ShardRouter } from '../../../src/application/protocol/shard-router.ts';
import { SilentShards } from '../../../src/application/protocol/silent-shards.ts';
import type { JobCache } from '../../../src/application/ports/job-cache.ts';
import type { RunPool } from '../../../src/application/ports/run-pool.ts';
import type { Store } from '../../../src/application/ports/store.ts';
import { createJobSpans } from '../../../src/application/traces/job-spans.ts';
import { traceparentOfAttempt } from '../../../src/application/traces/trace-ids.ts';
import type { Clock } from '../../../src/application/ports/runtime.ts';
import type { SpanSink } from '../../../src/application/ports/span-sink.ts';
import type { Traces } from '../../../src/compose/traces.ts';
import { createKnownTenants } from '../../../src/application/tenants/known-tenants.ts';
import { noSealing } from '../../../src/application/sealing/sealing.ts';
import { createUseCases, type UseCases } from '../../../src/application/use-cases.ts';
import type { WindowLimits } from '../../../src/actors/shard/services/dispatch-windows.ts';
import { DrainRequest } from '../../../src/compose/drain-request.ts';
import type { NatsBus } from '../../../src/adapters/nats/connect-nats.ts';
import { PatientAsks } from '../../../src/adapters/nats/patient-asks.ts';
import { adminPath, type ClusterRoles, startClusterRoles } from '../../../src/compose/cluster-roles.ts';
import { createNodeClient } from '../../../src/compose/node-admin.ts';
import type { Config } from '../../../src/config/index.ts';
import { rolesWith } from '../../../src/domain/access/role.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { given } from '../../../src/domain/given.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { type Queue, queueStamp } from '../../../src/domain/queue.ts';
import { noTelemetry } from '../stores.ts';
import { BusClient } from './bus-client.ts';
import { BusLink } from './bus-link.ts';
import type { BusServer } from './bus-server.ts';
import type { Executions } from './executions.ts';
import { Host } from './host.ts';
import { PoolModel } from './pool-model.ts';
import type { StoreData } from './store-data.ts';
import type { StoreExtras } from './store-extras.ts';
import { openModelStore } from './store-model.ts';
import { type Weather, Wire } from './wire.ts';
import type { World } from './world.ts';

/** The ports of a node. A mutation may change them before the node is built. */
export interface NodePorts {
  readonly host: Host;
  store: Store;
  bus: NatsBus;
  pool: RunPool;
  router: ShardRouter;
  /** Takes the spans of its shards. */
  spans: SpanSink;
  /** Whose jobs the node says that it takes. Undefined: those of every tenant that is not dedicated. */
  tenants: readonly string[] | undefined;
}

/** What all nodes of a simulation share. */
export interface ClusterGround {
  readonly world: World;
  readonly config: Config;
  readonly shardCount: number;
  /** Most jobs of a level of a queue that a shard has dispatched and that are not started. */
  readonly window: number;
  readonly queue: Queue;
  readonly manifest: HandlerManifest;
  readonly data: StoreData;
  readonly extras: StoreExtras;
  readonly server: BusServer;
  readonly executions: Executions;
  readonly spans: SpanSink;
  readonly storeWeather: Weather;
  readonly busWeather: Weather;
  /** Adds observers first, then a seeded bug, if there is one. */
  readonly change: (ports: NodePorts) => void;
}

export interface SimNodeOptions {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly threads: number;
  readonly skewMs: number;
  /** Whether the node runs jobs. */
  readonly works: boolean;
  readonly tenants: readonly string[] | undefined;
}

/** Of every job, so that each attempt is checked. */
function tracesOf(sink: SpanSink, clock: Clock): Traces {
  const ratio = 1;
  return {
    spans: createJobSpans({ sink, ratio, clock }),
    traceparent: (job, attempt) => traceparentOfAttempt(job, attempt, ratio),
  };
}

function windowsOf(window: number): WindowLimits {
  return { floor: { most: window, least: window }, outMax: Infinity, most: window };
}

const storeTimeoutMs = 2_000;
const shardTimeoutMs = 10_000;

export class SimNode {
  readonly nodeId: string;
  readonly host: Host;
  readonly cells: Host;
  readonly storeWire: Wire;
  readonly link: BusLink;
  readonly pool: PoolModel;
  readonly batcher: ShardBatcher;
  readonly useCases: UseCases;
  readonly #ground: ClusterGround;
  readonly #ports: NodePorts;
  readonly #start: () => Promise<ClusterRoles>;
  readonly #terminate: () => Promise<void>;
  #roles: ClusterRoles | undefined;

  constructor(ground: ClusterGround, options: SimNodeOptions) {
    const { world } = ground;
    const { nodeId, incarnation, skewMs } = options;
    this.#ground = ground;
    this.nodeId = nodeId;
    const name = `${nodeId}#${incarnation}`;
    this.host = new Host({ name, timeline: world.timeline, seed: world.nextSeed(), skewMs });
    this.cells = new Host({ name: `${name} cells`, timeline: world.timeline, seed: world.nextSeed(), skewMs });
    this.storeWire = new Wire(this.host, ground.storeWeather, world.random());
    this.link = new BusLink(new Wire(this.host, ground.busWeather, world.random()));
    const bus = new BusClient(this.link, ground.server, ground).bus();
    const { threads } = options;
    const { manifest, executions } = ground;
    this.pool = new PoolModel({ host: this.host, cells: this.cells, threads, manifest, executions });
    this.#ports = {
      host: this.host,
      store: this.#openStore(),
      bus,
      pool: this.pool,
      router: createShardRouter(link(bus, this.host.clock)),
      spans: ground.spans,
      tenants: options.tenants,
    };
    ground.change(this.#ports);
    this.batcher = this.#createBatcher();
    const { clock, random, scheduler } = this.host;
    const log = Object.assign(world.log(nodeId), { flush: () => undefined });
    const telemetry = { ...noTelemetry, metricsText: () => Promise.resolve(''), contentType: '' };
    const system = createActorSystem({ clock, random, log, telemetry, scheduler });
    system.subscribe((event) => {
      if (event.type === 'crashed') this.#crashed(event);
    });
    const cache = cacheModel();
    this.useCases = this.#createUseCases(system, cache);
    const node = {
      nodeId,
      incarnation,
      weight: 1,
      slots: threads,
      draining: false,
      workerClass: 'default',
      version: '1',
      ...given({ tenants: this.#ports.tenants }),
    };
    this.#terminate = () => system.terminate(5_000);
    this.#start = () =>
      startClusterRoles({
        config: ground.config,
        runtime: { clock, random, log, telemetry, outages: { list: () => [] } },
        system,
        bus: this.#ports.bus,
        store: this.#ports.store,
        sealing: noSealing,
        router: this.#ports.router,
        batcher: this.batcher,
        node: { ...node, roles: ['gateway', 'shards', ...(options.works ? (['workers'] as const) : [])] },
        shardCount: ground.shardCount,
        startedAtMs: clock.nowMs(),
        drainRequest: new DrainRequest(log),
        asks: new PatientAsks({ clock, log, silenceMaxMs: 120_000 }),
        windowLimits: windowsOf(ground.window),
        // Where windows are small, as many jobs as possible are cold.
        ...(ground.window === 2 && { memoryTightBytes: 0 }),
        listQuietMs: 500,
        cache,
        handlersAreTold: false,
        traces: tracesOf(this.#ports.spans, clock),
        ...(options.works && { pool: this.#ports.pool }),
      });
  }

  /** Calls `onFailed` when the process cannot continue, because its supervision tree has given up. */
  start(onFailed: () => void): void {
    this.host.run(() => {
      void this.#start().then((roles) => {
        this.#roles = roles;
        void roles.failed.then(onFailed);
        this.#announceQueues().catch(onFailed);
      });
    });
  }

  /**
   * Announces the queues, as every process does when it starts. Most simulations have only the default queue, which all
   * know.
   */
  async #announceQueues(): Promise<void> {
    if (this.#ground.extras.queues.size < 2) return;
    const { store, bus } = this.#ports;
    for (const queue of await store.queues.listQueues()) {
      await bus.config.touchQueue(queue.tenant, queue.name, queueStamp(queue));
    }
  }

  /** Stops in order. Calls back when the process has ended. */
  drain(graceMs: number, done: () => void): void {
    this.host.run(() => {
      const drained = this.#roles?.drain(graceMs) ?? Promise.resolve();
      void drained
        .then(() => {
          this.batcher.close();
          return this.#terminate();
        })
        .then(() => this.#ports.bus.close())
        .then(done);
    });
  }

  /** A shard may crash and start again from the store. Any other crash is a bug. */
  #crashed({ kind, path, error }: { readonly kind: string; readonly path: string; readonly error: unknown }): void {
    const isPlanned = error instanceof TroupeError && error.code !== 'INTERNAL_ERROR';
    const isLateCommit = error instanceof Error && error.message.includes('knows its count of commits');
    if (kind === 'shard' && (isPlanned || isLateCommit)) return;
    const why = error instanceof Error ? error.message : String(error);
    this.#ground.world.violation(8, `${this.nodeId}: ${path} crashed: ${why}`);
  }

  #openStore(): Store {
    const { data, extras } = this.#ground;
    // A write without an answer may have been applied. A read may simply be repeated.
    const isWrite = (name: string): boolean => !/^(read|find|look|list|open buckets)/.test(name);
    return openModelStore({
      data,
      extras,
      clock: this.host.clock,
      transport: (name, serve) =>
        this.storeWire.call({
          serve,
          timeoutMs: storeTimeoutMs,
          unanswered: () => new TroupeError(isWrite(name) ? 'OUTCOME_UNKNOWN' : 'STORE_UNAVAILABLE'),
          refused: () => new TroupeError('STORE_UNAVAILABLE'),
        }),
    });
  }

  #createBatcher(): ShardBatcher {
    const { router } = this.#ports;
    const { clock } = this.host;
    return createShardBatcher({
      client: router,
      clock,
      timeoutMs: shardTimeoutMs,
      maxQueued: 100,
      atTurnEnd: (flush) => {
        this.host.soon(flush);
      },
    });
  }

  #createUseCases(system: ActorSystem, cache: JobCache): UseCases {
    const { store, bus, router } = this.#ports;
    const { config, membership, quarantines } = bus;
    const { clock, random } = this.host;
    const admin = system.refAt<AdminMessage>(adminPath);
    const log = this.#ground.world.log(this.nodeId);
    return createUseCases({
      store,
      knownTenants: createKnownTenants({ documents: store.documents, clock, log, mustBeMade: false }),
      telemetry: noTelemetry,
      roles: rolesWith({}),
      sealing: noSealing,
      config,
      cache,
      clock,
      atTurnEnd: (then) => {
        this.host.soon(then);
      },
      random,
      batcher: this.batcher,
      fleet: new HandlerFleet(membership, () => false),
      work: bus.work,
      feed: bus.live,
      events: bus.events,
      eventConsumers: bus.eventConsumers,
      validator: { validate: () => [] },
      log,
      shardCount: this.#ground.shardCount,
      localShards: () => router.local(),
      payloadMaxBytes: 1_048_576,
      cluster: {
        nodes: createNodeClient({ bus, ownId: this.nodeId, admin, clock }),
        membership,
        quarantines,
      },
    });
  }
}

/** A replaced copy stays replaced. Copies never expire, because no simulation lasts that long. */
function cacheModel(): JobCache {
  const cached = new Map<string, JobRecord>();
  return {
    get: (id) => cached.get(id),
    put: (record) => {
      if (!cached.has(record.id)) cached.set(record.id, record);
    },
    replace: (record) => void cached.set(record.id, record),
  };
}

function link(bus: NatsBus, clock: Host['clock']): Parameters<typeof createShardRouter>[0] {
  const remote = new SilentShards({ client: bus.shardClient, clock, told: () => undefined });
  return {
    call: (shard, verb, items, timeoutMs) => remote.call(shard, verb, items, timeoutMs),
    serveShard: (shard, handler) => bus.shardServer.serveShard(shard, handler),
  };
}
