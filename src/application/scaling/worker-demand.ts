/**
 * How many slots of a worker class are needed now, for autoscalers. Derived from shards, nodes, queues and quarantines.
 */
import {
  type ClassMember,
  type Demand,
  demandOf,
  queueKey,
  type StartLimits,
  type QueueRef,
  queuesAwaiting,
  runsAtRate,
  slotsOf,
  type WorkerClass,
} from '../../domain/demand.ts';
import { meanMs } from '../../domain/duration-histogram.ts';
import { takesTenant } from '../../domain/tenant-pool.ts';
import { TroupeError } from '../../domain/errors.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { Membership } from '../ports/membership.ts';
import type { QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { Clock } from '../ports/runtime.ts';
import type { QueueCatalog } from '../queues/queue-catalog.ts';
import type { QueueStatsReader } from '../queues/queue-stats.ts';
import type { KnownTenants } from '../tenants/known-tenants.ts';
import { createWakeUp } from '../calls/wake-up.ts';
import type { ClusterLoadReader } from './cluster-load.ts';

/** Interval between two reads of a watch. */
const lookEveryMs = 1_000;

export interface WorkerDemand {
  /**
   * Rejects with SHARD_UNAVAILABLE or STORE_UNAVAILABLE if the demand is unknown; it never answers too little. Also
   * QUEUE_NOT_FOUND.
   */
  read(context: CallContext, wanted: WorkerClass): Promise<Demand>;
  /**
   * Yields whether there is demand: once it is known, and at each change. A time during which it is unknown is no
   * change.
   */
  watch(context: CallContext, wanted: WorkerClass): AsyncGenerator<boolean, void>;
}

export interface WorkerDemandParts {
  readonly load: ClusterLoadReader;
  readonly membership: Pick<Membership, 'nodes'>;
  readonly catalog: Pick<QueueCatalog, 'find'>;
  readonly quarantines: Pick<QueueQuarantines, 'of'>;
  readonly stats: Pick<QueueStatsReader, 'read'>;
  readonly known: Pick<KnownTenants, 'lastSeen'>;
  readonly clock: Clock;
}

export function createWorkerDemand(parts: WorkerDemandParts): WorkerDemand {
  const { load, membership, catalog, quarantines, stats, known, clock } = parts;

  function members(): readonly ClassMember[] {
    const isDedicated = (tenant: string): boolean => known.lastSeen(tenant)?.dedicated === true;
    return membership
      .nodes()
      .filter(({ roles }) => roles.includes('workers'))
      .map((node) => ({ ...node, takes: (tenant) => takesTenant(node.tenants, tenant, isDedicated) }));
  }

  const runningMaxOf = (tenant: string): number | undefined => known.lastSeen(tenant)?.quotas.runningJobs;

  async function limitsOf({ tenant, queue }: QueueRef): Promise<StartLimits> {
    const found = await catalog.find(tenant, queue);
    const { paused = false, maxRunning = Infinity, rate } = found?.settings.flow ?? {};
    const isQuarantined = quarantines.of(tenant, queue).some(({ node }) => node === undefined);
    const isStopped = (known.lastSeen(tenant)?.state ?? 'ACTIVE') !== 'ACTIVE';
    if (paused || isQuarantined || isStopped) return { isClosed: true };
    if (rate === undefined) return { runningMax: maxRunning };
    const runMs = meanMs((await stats.read(tenant, queue)).stats.runs);
    // Until an attempt has ended, it is unknown how many attempts the rate keeps running.
    return { runningMax: Math.min(maxRunning, runMs === undefined ? Infinity : runsAtRate(rate.perSecond, runMs)) };
  }

  async function ensureQueues({ tenant }: CallContext, names: readonly string[]): Promise<void> {
    const found = await Promise.all(names.map((name) => catalog.find(tenant, name)));
    const missing = names.find((_, index) => found[index] === undefined);
    if (missing === undefined) return;
    const message = `there is no queue ${missing}`;
    throw new TroupeError('QUEUE_NOT_FOUND', { message, metadata: { queue: missing } });
  }

  async function read(context: CallContext, wanted: WorkerClass): Promise<Demand> {
    ensureAwaited(context, clock.nowMs());
    await ensureQueues(context, wanted.queues ?? []);
    const present = await load.read();
    const nodes = members();
    const limits = new Map<string, StartLimits>();
    const asked = queuesAwaiting(present, wanted, nodes).map(async (ref) => {
      limits.set(queueKey(ref), await limitsOf(ref));
    });
    await Promise.all(asked);
    return demandOf(present, wanted, { members: nodes, limits, runningMaxOf });
  }

  async function* watch(context: CallContext, wanted: WorkerClass): AsyncGenerator<boolean, void> {
    const wakeUp = createWakeUp(clock, context.signal);
    let told: boolean | undefined;
    try {
      for (;;) {
        ensureAwaited(context, clock.nowMs());
        const isActive = await read(context, wanted).then(
          (demand) => slotsOf(demand) > 0,
          (error: unknown) => {
            if (error instanceof TroupeError && error.retryable) return told;
            throw error;
          },
        );
        if (isActive !== undefined && isActive !== told) yield isActive;
        told = isActive;
        await wakeUp.sleep(lookEveryMs);
      }
    } finally {
      wakeUp.close();
    }
  }

  return { read, watch };
}
