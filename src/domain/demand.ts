/**
 * How many slots a worker class is wanted to have: the runs that its nodes have, and as many of the jobs that wait as it
 * could run and as their queues may start. Pure.
 *
 * When in doubt it says more: a node too many costs money for a while, a node too few keeps jobs waiting, and one that is
 * taken away costs the runs on it.
 */
import { type HandlerNeed, type HandlerVersion, meetsNeed, needText } from './handler-need.ts';

export interface QueueRef {
  readonly tenant: string;
  readonly queue: string;
}

/** Jobs of one queue that need the same of a node. */
export interface JobCount extends QueueRef, HandlerNeed {
  readonly jobs: number;
}

export interface RunCount extends JobCount {
  readonly node: string;
}

/** Of one shard, or of several together. */
export interface ClusterLoad {
  /** QUEUED. */
  readonly waiting: readonly JobCount[];
  /** RUNNING and CANCELLING. */
  readonly running: readonly RunCount[];
  /** Of those that wait, the ones whose concurrency key has as many runs as it may. */
  readonly heldByKey: readonly (QueueRef & { readonly jobs: number })[];
  /** Jobs of more queues, handlers and nodes than are told apart: every class counts them. */
  readonly omitted: number;
}

/** A node that works, also while it drains. */
export interface ClassMember {
  readonly nodeId: string;
  readonly workerClass: string;
  readonly handlers: readonly HandlerVersion[];
  readonly draining: boolean;
}

export interface WorkerClass {
  readonly name: string;
  /** Only what waits in these counts. Absent: in all of them. */
  readonly queues?: readonly string[];
  /** Names of what its nodes can run, whatever the version. Absent: what its live nodes have; without any, everything. */
  readonly handlers?: readonly string[];
}

/** What may start in a queue, beside what runs. Absent: nothing holds it back. */
export interface QueueLimits {
  /** Paused, or in quarantine on all nodes. */
  readonly isClosed?: boolean;
  /** Runs at a time, over the whole cluster. */
  readonly runningMax?: number;
}

/** In slots: each run takes one. */
export interface Demand {
  readonly running: number;
  readonly waiting: number;
}

export const noLoad: ClusterLoad = { waiting: [], running: [], heldByKey: [], omitted: 0 };

export function addLoad(one: ClusterLoad, other: ClusterLoad): ClusterLoad {
  return {
    waiting: [...one.waiting, ...other.waiting],
    running: [...one.running, ...other.running],
    heldByKey: [...one.heldByKey, ...other.heldByKey],
    omitted: one.omitted + other.omitted,
  };
}

export function queueKey({ tenant, queue }: QueueRef): string {
  return `${tenant}/${queue}`;
}

export function slotsOf({ running, waiting }: Demand): number {
  return running + waiting;
}

/** Queues in which jobs wait that the class could run, each once: their limits are to be known. */
export function queuesAwaiting(
  load: ClusterLoad,
  wanted: WorkerClass,
  members: readonly ClassMember[],
): readonly QueueRef[] {
  const serves = servedBy(wanted, members);
  const found = load.waiting.filter((count) => count.jobs > 0 && serves(count));
  return [...new Map(found.map(({ tenant, queue }) => [queueKey({ tenant, queue }), { tenant, queue }])).values()];
}

export function demandOf(
  load: ClusterLoad,
  wanted: WorkerClass,
  { members, limits }: { readonly members: readonly ClassMember[]; readonly limits: ReadonlyMap<string, QueueLimits> },
): Demand {
  const serves = servedBy(wanted, members);
  const classOf = new Map(members.map(({ nodeId, workerClass }) => [nodeId, workerClass]));
  const running = load.running.filter((count) => {
    const itsClass = classOf.get(count.node);
    // Of a node that nobody knows any more: somebody has to run it again.
    return itsClass === undefined ? serves(count) : itsClass === wanted.name;
  });
  const [waiting, runs, held] = [sums(load.waiting.filter(serves)), sums(load.running), sums(load.heldByKey)];
  const all = sums(load.waiting);
  let startable = 0;
  for (const [key, jobs] of waiting) {
    const { isClosed = false, runningMax = Infinity } = limits.get(key) ?? {};
    const free = (all.get(key) ?? 0) - (held.get(key) ?? 0);
    const room = runningMax - (runs.get(key) ?? 0);
    startable += isClosed ? 0 : Math.max(0, Math.min(jobs, free, room));
  }
  return { running: total(running), waiting: startable + load.omitted };
}

/** Runs that a rate of starts keeps going, by how long they last; and one more, because starts do not come evenly. */
export function runsAtRate(perSecond: number, meanRunMs: number): number {
  return Math.ceil((perSecond * meanRunMs) / 1_000) + 1;
}

function servedBy(
  { name, queues, handlers }: WorkerClass,
  members: readonly ClassMember[],
): (count: JobCount) => boolean {
  const own = members.filter(({ workerClass, draining }) => workerClass === name && !draining);
  const versions = own.flatMap((node) => node.handlers).map((have) => [`${have.name}@${have.version}`, have] as const);
  const distinct = [...new Map(versions).values()];
  const known = new Map<string, boolean>();
  const canRun = (need: HandlerNeed): boolean => {
    if (handlers !== undefined) return handlers.includes(need.handler);
    if (own.length === 0) return true;
    const text = needText(need);
    const found = known.get(text) ?? distinct.some((have) => meetsNeed(have, need));
    known.set(text, found);
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

function total(counts: readonly { readonly jobs: number }[]): number {
  return counts.reduce((sum, { jobs }) => sum + jobs, 0);
}
