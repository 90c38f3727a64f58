/**
 * The number of slots that a worker class should have: one for each attempt that runs on its nodes, and one for each
 * waiting job that the class can run and whose queue may start it. Pure.
 *
 * When information is missing the result errs on the high side. A node too many costs money for a while. A node too few
 * keeps jobs waiting, and removing one loses the attempts on it.
 */
import { type HandlerNeed, type HandlerVersion, meetsNeed, needText } from './handler-need.ts';

export interface QueueRef {
  readonly tenant: string;
  readonly queue: string;
}

/** Jobs of one queue with the same requirements. */
export interface JobCount extends QueueRef, HandlerNeed {
  readonly jobs: number;
}

/** Attempts that run on one node. */
export interface RunCount extends JobCount {
  readonly node: string;
}

/** The load of one shard, or the sum over several. */
export interface ClusterLoad {
  /** QUEUED jobs. */
  readonly waiting: readonly JobCount[];
  /** RUNNING and CANCELLING jobs. */
  readonly running: readonly RunCount[];
  /** Waiting jobs whose concurrency key already has as many running attempts as it allows. */
  readonly heldByKey: readonly (QueueRef & { readonly jobs: number })[];
  /** Jobs beyond the number of queues, handlers and nodes that we track one by one. Every class counts them. */
  readonly omitted: number;
}

/** A node with the worker role. It may be draining. */
export interface ClassMember {
  readonly nodeId: string;
  readonly workerClass: string;
  readonly handlers: readonly HandlerVersion[];
  readonly draining: boolean;
  /** Whether the node takes jobs of the tenant. Default: of every tenant. */
  readonly takes?: (tenant: string) => boolean;
}

/** A worker class, and which waiting jobs count towards its demand. */
export interface WorkerClass {
  readonly name: string;
  /** If given, only jobs of these queues count as waiting. Default: all queues. */
  readonly queues?: readonly string[];
  /**
   * Names of handlers that the class can run, in any version. Default: what its live nodes offer, or everything if it
   * has no live node.
   */
  readonly handlers?: readonly string[];
}

/** Limits on what a queue may start in addition to what runs. Default: no limit. */
export interface StartLimits {
  /** The queue is paused, or in quarantine on all nodes. */
  readonly isClosed?: boolean;
  /** Attempts that may run at a time in the whole cluster. */
  readonly runningMax?: number;
}

/** Counted in slots: each attempt takes one. */
export interface Demand {
  readonly running: number;
  readonly waiting: number;
}

export const noLoad: ClusterLoad = { waiting: [], running: [], heldByKey: [], omitted: 0 };

/** The sum of two loads. */
export function addLoad(one: ClusterLoad, other: ClusterLoad): ClusterLoad {
  return {
    waiting: [...one.waiting, ...other.waiting],
    running: [...one.running, ...other.running],
    heldByKey: [...one.heldByKey, ...other.heldByKey],
    omitted: one.omitted + other.omitted,
  };
}

/** The key of a queue in maps. */
export function queueKey({ tenant, queue }: QueueRef): string {
  return `${tenant}/${queue}`;
}

/** The tenant of a `queueKey`. No name has a slash. */
function tenantOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

export function slotsOf({ running, waiting }: Demand): number {
  return running + waiting;
}

/** Queues with waiting jobs that the class can run, each once. The caller must look up their limits for `demandOf`. */
export function queuesAwaiting(
  load: ClusterLoad,
  wanted: WorkerClass,
  members: readonly ClassMember[],
): readonly QueueRef[] {
  const serves = servedBy(wanted, members);
  const found = load.waiting.filter((count) => count.jobs > 0 && serves(count));
  return [...new Map(found.map(({ tenant, queue }) => [queueKey({ tenant, queue }), { tenant, queue }])).values()];
}

export interface DemandFacts {
  readonly members: readonly ClassMember[];
  readonly limits: ReadonlyMap<string, StartLimits>;
  /** Attempts of a tenant that may run at a time in the whole cluster. Default: any number. */
  readonly runningMaxOf?: (tenant: string) => number | undefined;
}

/** Computes the demand. `limits` is keyed by `queueKey`; a queue without an entry has no limits. */
export function demandOf(
  load: ClusterLoad,
  wanted: WorkerClass,
  { members, limits, runningMaxOf = () => undefined }: DemandFacts,
): Demand {
  const serves = servedBy(wanted, members);
  const classOf = new Map(members.map(({ nodeId, workerClass }) => [nodeId, workerClass]));
  const running = load.running.filter((count) => {
    const itsClass = classOf.get(count.node);
    // The node is unknown, so its attempts are probably lost and will have to run again somewhere.
    return itsClass === undefined ? serves(count) : itsClass === wanted.name;
  });
  const [waiting, runs, held] = [sums(load.waiting.filter(serves)), sums(load.running), sums(load.heldByKey)];
  const all = sums(load.waiting);
  const startable = new Map<string, number>();
  for (const [key, jobs] of waiting) {
    const { isClosed = false, runningMax = Infinity } = limits.get(key) ?? {};
    const free = (all.get(key) ?? 0) - (held.get(key) ?? 0);
    const room = runningMax - (runs.get(key) ?? 0);
    if (isClosed) continue;
    const tenant = tenantOf(key);
    startable.set(tenant, (startable.get(tenant) ?? 0) + Math.max(0, Math.min(jobs, free, room)));
  }
  let starts = load.omitted;
  for (const [tenant, jobs] of startable) {
    const runningMax = runningMaxOf(tenant);
    starts += runningMax === undefined ? jobs : Math.max(0, Math.min(jobs, runningMax - runsOf(load, tenant)));
  }
  return { running: total(running), waiting: starts };
}

/**
 * The number of attempts that run at once if starts come at this rate and last this long, plus one, because starts are
 * not evenly spaced.
 */
export function runsAtRate(perSecond: number, meanRunMs: number): number {
  return Math.ceil((perSecond * meanRunMs) / 1_000) + 1;
}

function servedBy(
  { name, queues, handlers }: WorkerClass,
  members: readonly ClassMember[],
): (count: JobCount) => boolean {
  const own = members.filter(({ workerClass, draining }) => workerClass === name && !draining);
  const known = new Map<string, boolean>();
  const has = (node: ClassMember, need: HandlerNeed): boolean =>
    handlers === undefined ? node.handlers.some((have) => meetsNeed(have, need)) : handlers.includes(need.handler);
  const canRun = (count: JobCount): boolean => {
    if (own.length === 0) return handlers === undefined || handlers.includes(count.handler);
    const key = `${count.tenant} ${needText(count)}`;
    const found = known.get(key) ?? own.some((node) => node.takes?.(count.tenant) !== false && has(node, count));
    known.set(key, found);
    return found;
  };
  return (count) => (queues === undefined || queues.includes(count.queue)) && canRun(count);
}

function sums(counts: readonly (QueueRef & { readonly jobs: number })[]): Map<string, number> {
  const byQueue = new Map<string, number>();
  for (const count of counts) {
    const key = queueKey(count);
    byQueue.set(key, (byQueue.get(key) ?? 0) + count.jobs);
  }
  return byQueue;
}

function runsOf({ running }: ClusterLoad, tenant: string): number {
  return total(running.filter((count) => count.tenant === tenant));
}

function total(counts: readonly { readonly jobs: number }[]): number {
  return counts.reduce((sum, { jobs }) => sum + jobs, 0);
}
