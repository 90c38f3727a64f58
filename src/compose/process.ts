/**
 * One process of the cluster, with the roles that its configuration names. It starts the store, NATS and the actors
 * before the edge, so that no client can connect before there is something to serve. It stops them in the reverse
 * order.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createActorSystem, type TreeNode } from '../kernel/index.ts';
import { connectNats, type NatsBus } from '../adapters/nats/connect-nats.ts';
import { PatientAsks } from '../adapters/nats/patient-asks.ts';
import { createCellPool } from '../adapters/piscina/node/cell-pool.ts';
import { giveHeapBackWhenIdle } from '../adapters/system/idle-heap.ts';
import type { JobCache } from '../application/ports/job-cache.ts';
import type { RunPool } from '../application/ports/run-pool.ts';
import { createShardBatcher, type ShardBatcher } from '../application/protocol/shard-batcher.ts';
import { createShardRouter, type ShardRouter } from '../application/protocol/shard-router.ts';
import { SilentShards } from '../application/protocol/silent-shards.ts';
import { type Trouble, VitalSigns } from '../application/cluster/vital-signs.ts';
import type { Sealing } from '../application/sealing/sealing.ts';
import type { Config } from '../config/index.ts';
import type { Readiness } from '../gateway/http-edge.ts';
import { createJobCache } from '../gateway/job-cache.ts';
import { natsAccess } from './access.ts';
import { handlerSecrets } from './handler-secrets.ts';
import { adminPath, startClusterRoles } from './cluster-roles.ts';
import { createEncryption } from './encryption.ts';
import { DrainRequest } from './drain-request.ts';
import { createGatewayRole, createProbes, type GatewayRole } from './gateway-role.ts';
import { createNodeClient } from './node-admin.ts';
import { announceKnownQueues } from './known-queues.ts';
import { nodeIdentity } from './node-identity.ts';
import { streamedMaxBytes } from './object-store.ts';
import { startPodCost } from './pod-cost.ts';
import { endsInOrder, ReadinessWatch } from './readiness-watch.ts';
import { createRuntime, type ProcessRuntime } from './runtime.ts';
import { Opened, type StartOptions, unlessStopped } from './start-steps.ts';
import { type OpenedStore, openStore } from './store.ts';
import { openTraces } from './traces.ts';
import { watchWrites } from './watch-writes.ts';
import { given } from '../domain/given.ts';
import { gauges } from '../domain/measures.ts';

export interface TroupeProcess {
  readonly nodeId: string;
  /** Undefined without the role `gateway`. */
  readonly gatewayPort: number | undefined;
  /** Undefined unless the process is a gateway with a door for browsers and curl. */
  readonly webPort: number | undefined;
  /** Undefined unless the process is a gateway whose scaler is enabled. */
  readonly scalerPort: number | undefined;
  readonly httpPort: number;
  readonly threads: number;
  readonly handlers: readonly string[];
  /** Settles when the process cannot continue, because its supervision tree has given up. */
  readonly failed: Promise<unknown>;
  readiness(): Promise<Readiness>;
  /** Called when the reasons for not being ready change, including when none is left. */
  onReadiness(listener: (readiness: Readiness) => void): void;
  /** What fails although the connection to NATS is up. */
  troubles(): readonly Trouble[];
  tree(): readonly TreeNode[];
  /** Aborted when an operator has ordered this node to drain. The code that started the process must stop it then. */
  readonly drainAsked: AbortSignal;
  /** Drains within the configured grace period, then closes everything. May be called twice. */
  stop(): Promise<void>;
}

/** Time for a batch of requests to a shard. It is long enough for a recovery of the shard to fail the batch first. */
const shardTimeoutMs = 10_000;
const batcherQueuedMax = 20_000;
const terminateMs = 5_000;
/** A start gives up when NATS has answered none of its questions for this time. */
const startSilenceMaxMs = 120_000;

/** Rejects with StartStopped if it was stopped before the start was complete. */
export async function startProcess(
  config: Config,
  version: string,
  options: StartOptions = {},
): Promise<TroupeProcess> {
  const opened = new Opened(options);
  try {
    return await unlessStopped(options.stop, start(config, version, opened, options));
  } catch (error) {
    await opened.abandon();
    throw error;
  }
}

/**
 * Opens everything in order. Each step registers with `opened` how to close what it opened, so that a failed start
 * leaves nothing behind.
 */
async function start(config: Config, version: string, opened: Opened, options: StartOptions): Promise<TroupeProcess> {
  const identity = nodeIdentity(config, Date.now());
  const runtime = createRuntime(config, identity.nodeId);
  const { clock, random, log, telemetry } = runtime;
  opened.push(() => {
    log.flush();
  });
  opened.push(giveHeapBackWhenIdle());
  const from = { ...identity, ...options };
  const { store, facts, bus, vitals, asks, sealing } = await openGround(config, runtime, opened, from);

  opened.begin('actors');
  const { router, batcher } = createShardLinks(bus, runtime, opened);
  const system = createActorSystem({ clock, random, log, telemetry });
  opened.push(() => system.terminate(terminateMs));

  const threads = config.workers.threads === 0 ? availableParallelism() : config.workers.threads;
  const pool = config.roles.includes('workers') ? createPool(config, runtime, { ...options, threads }) : undefined;
  if (pool !== undefined) opened.push(() => pool.stop(0));
  const node = {
    ...identity,
    roles: config.roles,
    weight: config.shards.weight === 0 ? availableParallelism() : config.shards.weight,
    slots: pool === undefined ? 0 : threads,
    ...workersOf(config),
    draining: false,
    version,
  };
  const { shardCount } = facts;
  const shared = { config, runtime, bus, store, sealing, router, batcher, shardCount };
  const drainRequest = new DrainRequest(log);
  const startedAtMs = clock.nowMs();
  const cache = openCache(config, runtime, opened);
  const traces = await openTraces(config, runtime, { ...node, opened });
  opened.begin('workers');
  const handlersAreTold = options.onHandlerNews !== undefined && config.log.pretty;
  const parts = { ...shared, system, node, drainRequest, startedAtMs, asks, cache, handlersAreTold, traces };
  const roles = await startClusterRoles({ ...parts, ...given({ pool }) });
  opened.push(startPodCost(config, runtime, { pool, slots: threads }));
  opened.begin('queues');
  await announceKnownQueues({ ...runtime, asks, queues: store.queues, ...bus, roles: config.roles });

  const nodes = createNodeClient({ bus, ownId: identity.nodeId, admin: system.refAt(adminPath), clock });
  const edge = cache && createGatewayRole({ ...shared, nodes, cache });
  const ports = await startEdge(edge, opened);
  const ready = (): Promise<Readiness> => readiness({ ...shared, vitals, draining: drainRequest.draining });
  const { httpPort, watch } = await startProbes(config, runtime, ready, opened);

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    drainRequest.begin();
    const { graceMs } = config.shutdown;
    // Both drain at the same time, so that together they take no longer than one grace period.
    await Promise.all([edge?.gateway.stop(graceMs), edge?.scaler?.stop(graceMs), roles.drain(graceMs)]);
    batcher.close();
    await opened.close();
  };
  return {
    nodeId: identity.nodeId,
    ...ports,
    httpPort,
    threads,
    handlers: roles.manifests.map(({ name }) => name),
    failed: roles.failed,
    readiness: ready,
    onReadiness: (listener) => {
      watch.onChange(listener);
    },
    troubles: () => (bus.health().connected ? vitals.troubles() : []),
    tree: () => system.tree(),
    drainAsked: drainRequest.asked,
    stop: () => (stopped ??= stop()),
  };
}

function openCache({ roles }: Config, { clock, telemetry }: ProcessRuntime, opened: Opened): JobCache | undefined {
  if (!roles.includes('gateway')) return undefined;
  const cache = createJobCache({ telemetry, nowMs: () => clock.nowMs() });
  opened.push(() => {
    cache.close();
  });
  return cache;
}

/** What the node announces of itself as a worker. */
function workersOf({ workers }: Config): { readonly workerClass: string; readonly tenants: readonly string[] } {
  return { workerClass: workers.class, tenants: workers.tenants };
}

interface Ground extends OpenedStore {
  readonly sealing: Sealing;
  readonly bus: NatsBus;
  readonly vitals: VitalSigns;
  readonly asks: PatientAsks;
}

/** Opens the store and the bus, which everything else needs, and tracks whether they work. */
async function openGround(
  config: Config,
  runtime: ProcessRuntime,
  opened: Opened,
  { nodeId, openStore: open = openStore }: Pick<StartOptions, 'openStore'> & { readonly nodeId: string },
): Promise<Ground> {
  const vitals = new VitalSigns(runtime.clock);
  const { sealing, close } = createEncryption(config, runtime);
  opened.push(close);
  opened.begin('store');
  const { store, facts } = await open(config, runtime);
  opened.push(() => store.close());
  opened.begin('bus');
  const bus = await connectBus(config, runtime, { nodeId, vitals });
  opened.push(() => bus.close());
  const asks = new PatientAsks({ ...runtime, silenceMaxMs: startSilenceMaxMs });
  return { sealing, store: watchWrites(store, vitals), facts, bus, vitals, asks };
}

/** Starts the probes last, so that the process answers to a probe only when it serves. */
async function startProbes(
  config: Config,
  runtime: ProcessRuntime,
  readiness: () => Promise<Readiness>,
  opened: Opened,
): Promise<{ readonly httpPort: number; readonly watch: ReadinessWatch }> {
  opened.begin('probes');
  const probes = createProbes(config, runtime, readiness);
  const { port: httpPort } = await probes.start();
  opened.push(() => probes.stop());
  const watch = new ReadinessWatch({ ...runtime, readiness });
  opened.push(() => {
    watch.close();
  });
  return { httpPort, watch };
}

/** Registers each stop before its start, so that a start which fails half-way is stopped too. */
async function startEdge(
  edge: GatewayRole | undefined,
  opened: Opened,
): Promise<Pick<TroupeProcess, 'gatewayPort' | 'webPort' | 'scalerPort'>> {
  opened.begin('gateway');
  opened.push(() => edge?.close());
  opened.push(() => edge?.gateway.stop(0));
  const bound = await edge?.gateway.start();
  await edge?.serveFollowers();
  opened.begin('scaler');
  opened.push(() => edge?.scaler?.stop(0));
  const scalerPort = (await edge?.scaler?.start())?.port;
  return { gatewayPort: bound?.port, webPort: bound?.webPort, scalerPort };
}

/** Requests to shards of this process skip NATS (`shard-router.ts`). Batches form per turn of the event loop. */
function createShardLinks(
  bus: NatsBus,
  { clock, telemetry }: ProcessRuntime,
  opened: Opened,
): { router: ShardRouter; batcher: ShardBatcher } {
  const gauge = telemetry.gauge({ ...gauges.shardsSilent, help: 'Shards whose owners do not answer this process.' });
  gauge.set(0);
  const remote = new SilentShards({ client: bus.shardClient, clock, told: (silent) => gauge.set(silent) });
  opened.push(() => remote.stop());
  const router = createShardRouter({
    call: (shard, verb, items, timeoutMs) => remote.call(shard, verb, items, timeoutMs),
    serveShard: (shard, handler) => bus.shardServer.serveShard(shard, handler),
  });
  const batcher = createShardBatcher({
    client: router,
    clock,
    timeoutMs: shardTimeoutMs,
    maxQueued: batcherQueuedMax,
    atTurnEnd: (flush) => void setImmediate(flush),
  });
  return { router, batcher };
}

function connectBus(
  config: Config,
  { clock, log, telemetry }: ProcessRuntime,
  { nodeId, vitals }: { readonly nodeId: string; readonly vitals: VitalSigns },
): Promise<NatsBus> {
  const { servers, subjectRoot, inboxPrefix, replicas, eventStreams } = config.nats;
  const { leaseTtlMs } = config.shards;
  return connectNats({
    servers,
    name: `troupe ${nodeId}`,
    ...natsAccess(config.nats),
    subjectRoot,
    inboxPrefix,
    replicas,
    eventStreams,
    limits: { leaseTtlMs, nodeTtlMs: leaseTtlMs },
    clock,
    log,
    telemetry,
    vitals,
  });
}

/** Missing environment variables of handlers are only logged, because a handler that does not need them still works. */
function createPool(
  config: Config,
  { clock, log, telemetry }: ProcessRuntime,
  { threads, handlerVariables, onHandlerNews: onNews }: StartOptions & { readonly threads: number },
): RunPool {
  const { values: handlerEnv, missing } = handlerVariables ?? { values: new Map<string, string>(), missing: [] };
  if (missing.length > 0)
    log.warn({ event: 'handlers.env.missing', variables: missing }, 'handlers.env names variables that are not set');
  const { handlerDirs, lookaheadMs, cancelGraceMs, cells } = config.workers;
  const { memoryMb, memoryMaxMb, cellRssMaxMb, cellRunsMax, cellUid } = config.workers;
  return createCellPool({
    handlerDirs,
    threads,
    lookaheadMs,
    cancelGraceMs,
    cells,
    memoryMb,
    memoryMaxMb,
    cellRssMaxMb,
    cellRunsMax,
    handlerEnv,
    clock,
    log,
    telemetry,
    ...given({ onNews, cellUid, secrets: handlerSecrets(config.workers, clock) }),
    outputMaxBytes: config.gateway.payloadMaxBytes,
    streamedMaxBytes: streamedMaxBytes(config),
    scratchFolder: config.workers.scratchDir ?? join(config.dataDir, 'scratch'),
    scratchMaxBytes: config.workers.scratchMaxBytes,
    cellScratchMaxBytes: config.workers.cellScratchMaxBytes,
    scratchReserveBytes: config.objects.files.reserveBytes,
  });
}

const pingMs = 1_000;

/**
 * Collects all reasons for not being ready, and not only the first, so that one look shows everything that is wrong.
 */
async function readiness(parts: {
  readonly bus: NatsBus;
  readonly store: OpenedStore['store'];
  readonly router: ShardRouter;
  readonly vitals: VitalSigns;
  readonly draining: boolean;
  readonly config: Config;
}): Promise<Readiness> {
  const reasons: string[] = [];
  if (parts.draining) reasons.push(endsInOrder);
  if (!parts.bus.health().connected) reasons.push('NATS does not answer');
  for (const { reason } of parts.vitals.troubles()) reasons.push(reason);
  await parts.store.ping(pingMs).catch(() => reasons.push('the store does not answer'));
  if (parts.config.roles.includes('shards') && parts.router.local().length === 0)
    reasons.push('no shard is served yet');
  return { ready: reasons.length === 0, reasons };
}
