/** Starts the actors of a node: its membership, its shards, its workers. node-drain.ts ends them in order. */
import { HandlerFleet } from '../application/jobs/handler-fleet.ts';
import { createWatchedTenants, type WatchedTenants } from '../application/tenants/watched-tenants.ts';
import { createQuarantineAwareSource } from '../application/cluster/quarantine-aware-source.ts';
import type { ActorDefinition, ActorRef } from '../kernel/index.ts';
import type { ShardManagerMessage } from '../actors/shard/shard-manager-actor.ts';
import type { StopRun } from '../actors/shard/services/shard-services.ts';
import type { AdminMessage } from '../actors/node/admin-message.ts';
import { membershipActor, type MembershipMessage } from '../actors/node/membership-actor.ts';
import { NodeHandlers } from '../actors/worker/node-handlers.ts';
import { runIdOf } from '../actors/worker/node-attempt.ts';
import type { AttemptsMessage } from '../actors/worker/attempts-message.ts';
import { workersSupervisor } from '../actors/worker/queue-watch-actor.ts';
import { createWorkerMetrics, defaultWorkerLimits, type WorkerServices } from '../actors/worker/worker-services.ts';
import { SlotPool } from '../actors/worker/slot-pool.ts';
import { given } from '../domain/given.ts';
import { sealedByWorker } from '../application/sealing/sealed-tenants.ts';
import { takesTenant } from '../domain/tenant-pool.ts';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import { type ChildSpec, supervise } from '../supervisor/index.ts';
import type { ClusterParts, Wiring } from './cluster-parts.ts';
import { drainNode } from './node-drain.ts';
import { nodeAdmin, serveNode } from './node-admin.ts';
import type { ProcessRuntime } from './runtime.ts';
import { streamedMaxBytes } from './object-store.ts';
import { shardsOf } from './shards-role.ts';

export interface ClusterRoles {
  readonly manifests: readonly HandlerManifest[];
  /**
   * Settles when the root of the tree has given up, or when a newer process has this node's id. The process must end
   * then.
   */
  readonly failed: Promise<unknown>;
  /** Accepts nothing new, lets attempts end within the grace period, and hands the shards over. */
  drain(graceMs: number): Promise<void>;
}

const root = 'node';
export const adminPath = `/${root}/admin`;

export async function startClusterRoles(parts: ClusterParts): Promise<ClusterRoles> {
  const { system, node, bus } = parts;
  const handlers = new NodeHandlers();
  const slots = parts.pool && new SlotPool(parts.pool, () => parts.runtime.clock.monotonicMs(), defaultWorkerLimits);
  const tenants = await tenantsOf(parts, slots);
  const runs = system.refAt<AttemptsMessage>(`/${root}/workers/runs`);
  const manifests = await startPool(parts, { runs, handlers, room: () => slots?.changed() });
  const stopRun = (to: string, stop: StopRun): void => {
    if (to === node.nodeId) runs.tell({ kind: 'stop-run', runId: runIdOf(stop.jobId, stop.token), why: stop.why });
    else bus.requestNode(to, 'stop', stop, 1_000).catch(() => undefined);
  };
  const admin = system.refAt<AdminMessage>(adminPath);
  const stopServing = serveNode({
    bus,
    node,
    admin,
    startedAtMs: parts.startedAtMs,
    clock: parts.runtime.clock,
    stopRun: (stop) => {
      stopRun(node.nodeId, stop);
    },
  });
  const shardManager = system.refAt<ShardManagerMessage>(`/${root}/shards`);
  const membership = system.refAt<MembershipMessage>(`/${root}/membership`);
  const replaced = Promise.withResolvers<unknown>();
  const ref = system.spawn(
    root,
    supervise({
      strategy: 'one-for-one',
      intensity: { maxRestarts: 5, windowMs: 300_000 },
      kind: 'root',
      children: children(parts, {
        tenants,
        slots,
        handlers,
        stopRun,
        onRejoined: (incarnation) => {
          if (node.roles.includes('shards')) shardManager.tell({ kind: 'rejoined', incarnation });
        },
        onReplaced: () => replaced.resolve(undefined),
        onStoreReach: (isAway) => {
          membership.tell({ kind: 'store', isAway });
        },
      }),
    }),
  );
  return {
    manifests,
    failed: Promise.race([system.whenStopped(ref), replaced.promise]),
    drain: (graceMs) => drainNode({ ...parts, root, slots, runs, stopServing }, graceMs),
  };
}

/**
 * Their weights reach the slots of this node. They are read before it asks for work, if the store answers. Otherwise it reads them
 * later, and until then the shards alone know whose jobs it must not run.
 */
async function tenantsOf(
  { store, runtime: { clock, log } }: ClusterParts,
  slots: SlotPool | undefined,
): Promise<WatchedTenants> {
  const tenants = createWatchedTenants({ documents: store.documents, clock, log });
  tenants.onChange((tenant) => slots?.weigh(tenant, tenants.of(tenant).weight));
  await tenants.prepare().catch((error: unknown) => log.warn({ err: error }, 'tenants not read; tried again'));
  return tenants;
}

interface PoolWiring {
  readonly runs: ActorRef<AttemptsMessage>;
  readonly handlers: NodeHandlers;
  readonly room: () => void;
}

/** Announces a handler as live only after its manifest is published, so that gateways can check inputs against it. */
async function startPool(
  parts: ClusterParts,
  { runs, handlers, room }: PoolWiring,
): Promise<readonly HandlerManifest[]> {
  const { pool, bus, runtime, system } = parts;
  if (pool === undefined) return [];
  const publish = (manifests: readonly HandlerManifest[]): Promise<unknown> =>
    Promise.all(manifests.map((manifest) => bus.config.publishManifest(manifest)));
  const manifests = await pool.start((event) => {
    if (event.kind === 'room') {
      room();
      return;
    }
    runs.tell(event);
  });
  await parts.asks.ask('handlers', () => publish(manifests));
  handlers.replace(manifests);
  pool.onManifests((changed) => {
    handlers.replace(changed);
    publish(changed)
      .catch((error: unknown) => {
        runtime.log.warn({ err: error }, 'manifests not published');
      })
      .finally(() => {
        const membership = system.refAt<MembershipMessage>(`/${root}/membership`);
        membership.tell({ kind: 'handlers', handlers: handlers.list() });
      });
  });
  return manifests;
}

/**
 * The actors in the order of their start. They stop in the reverse order, so the workers stop before the shards they
 * report to.
 */
function children(parts: ClusterParts, wiring: Wiring): ChildSpec[] {
  const { slots, handlers } = wiring;
  const { config, runtime, bus, store, batcher, node, pool, sealing } = parts;
  const isDedicated = (tenant: string): boolean => wiring.tenants.of(tenant).isDedicated;
  const specs: ChildSpec[] = [
    // Started first, so that it sees the others start.
    { name: 'admin', definition: adminOf(parts, slots), restart: 'permanent', shutdownMs: 1_000 },
    {
      name: 'membership',
      definition: membershipActor({
        node: { ...node, handlers: handlers.list() },
        membership: bus.membership,
        announceEveryMs: config.shards.leaseRenewalMs,
        onRejoined: wiring.onRejoined,
        onReplaced: wiring.onReplaced,
      }),
      restart: 'permanent',
      shutdownMs: 2_000,
    },
  ];
  if (node.roles.includes('shards')) {
    specs.push({ name: 'shards', definition: shardsOf(parts, wiring), restart: 'permanent', shutdownMs: 5_000 });
  }
  if (pool !== undefined && slots !== undefined) {
    const workers = workersSupervisor(
      {
        nodeId: node.nodeId,
        pool,
        slots,
        tenants: wiring.tenants,
        takesTenant: (tenant) => takesTenant(node.tenants, tenant, isDedicated),
        handlers,
        batcher,
        source: createQuarantineAwareSource({
          source: bus.work,
          quarantines: bus.quarantines,
          nodeId: node.nodeId,
          clock: runtime.clock,
        }),
        publisher: bus.publisher,
        live: bus.live,
        payloads: store.payloads,
        sealing: sealedByWorker(sealing, wiring.tenants),
        ...given({
          sayLine: parts.handlersAreTold ? undefined : sayLines(runtime),
          traceparent: parts.traces?.traceparent,
        }),
        limits: {
          ...defaultWorkerLimits,
          outputMaxBytes: config.gateway.payloadMaxBytes,
          streamedMaxBytes: streamedMaxBytes(config),
        },
        metrics: createWorkerMetrics(runtime.telemetry),
      },
      bus.config,
      new HandlerFleet(bus.membership, isDedicated),
    );
    specs.push({ name: 'workers', definition: workers, restart: 'permanent', shutdownMs: 'infinity' });
  }
  return specs;
}

function sayLines({ log }: Pick<ProcessRuntime, 'log'>): NonNullable<WorkerServices['sayLine']> {
  const handlers = log.child({ component: 'handler' });
  return (level, { runId, text }) => handlers[level]({ runId }, text);
}

function adminOf(parts: ClusterParts, slots: SlotPool | undefined): ActorDefinition<AdminMessage> {
  const { node, system, bus, pool, startedAtMs, drainRequest, cache, runtime } = parts;
  return nodeAdmin({
    node,
    system,
    pool,
    startedAtMs,
    isDraining: () => drainRequest.draining,
    outages: () => runtime.outages.list(),
    quarantines: bus.quarantines,
    slotsFree: () => slots?.free ?? 0,
    handlers: () => parts.pool?.manifests() ?? [],
    replaceCopy: (record) => cache?.replace(record),
    drain: () => {
      drainRequest.ask();
    },
  });
}
