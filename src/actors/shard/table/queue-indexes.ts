/**
 * The queues of a shard, by tenant and name. Only the job table calls `enter`, `restore` and `move`, and so keeps the
 * index of each queue in step.
 */
import type { SlicedWork } from '../../../domain/sliced-work.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { inputBytes, type JobBrief, type JobOutline } from '../../../domain/job-brief.ts';
import { type IndexedQueue, type JobEntry, QueueIndex } from './queue-index.ts';
import { newTenantTally, type TenantTally } from './tenant-tally.ts';

/** How many queues without live jobs are remembered for their meters. Beyond this, the oldest is forgotten. */
export const idleQueuesMax = 1_000;

interface QueuesOfTenant {
  readonly queues: Map<string, QueueIndex>;
  readonly tally: TenantTally;
}

const noJobs: Readonly<TenantTally> = newTenantTally();

export class QueueIndexes implements Iterable<QueueIndex> {
  readonly #byTenant = new Map<string, QueuesOfTenant>();
  /** Queues without live jobs, in the order in which they became idle. */
  readonly #idle = new Set<QueueIndex>();

  get(tenant: string, queue: string): QueueIndex | undefined {
    return this.#byTenant.get(tenant)?.queues.get(queue);
  }

  ofTenant(tenant: string): Iterable<QueueIndex> {
    return this.#byTenant.get(tenant)?.queues.values() ?? [];
  }

  /** Look it up at each use: a tenant that comes back has another one. */
  tallyOf(tenant: string): Readonly<TenantTally> {
    return this.#byTenant.get(tenant)?.tally ?? noJobs;
  }

  *all(): Generator<QueueIndex, void> {
    for (const ofTenant of this.#byTenant.values()) yield* ofTenant.queues.values();
  }

  [Symbol.iterator](): Iterator<QueueIndex> {
    return this.all();
  }

  refOf({ spec }: Pick<JobRecord, 'spec'>): IndexedQueue {
    return this.refOfBrief({ spec, inputBytes: inputBytes(spec.input) });
  }

  refOfBrief({ spec, inputBytes: bytes }: Pick<JobBrief, 'spec' | 'inputBytes'>): IndexedQueue {
    const index = this.get(spec.tenant, spec.queue) ?? this.#open(spec.tenant, spec.queue);
    return { index, inputBytes: bytes, tally: index.tallyOf(spec) };
  }

  /** Adds a job that was accepted just now. */
  enter(entry: JobEntry): void {
    entry.queueRef.index.measure(undefined, entry.current);
    this.restore(entry);
  }

  /** Adds a job that was found at a recovery. It is not measured, because nothing has happened to it now. */
  restore(entry: JobEntry): void {
    const { index } = entry.queueRef;
    index.count(entry, entry.current, 1);
    this.#idle.delete(index);
  }

  /** Adds a job that was found at a recovery and whose record does not stay in memory. */
  restoreCold(queueRef: IndexedQueue, record: JobOutline): void {
    queueRef.index.countOne(queueRef, record, 1);
    this.#idle.delete(queueRef.index);
  }

  /** Moves a job from `entry.current`, which is still its former record, to `record`. */
  move(entry: JobEntry, record: JobRecord): void {
    const { index } = entry.queueRef;
    index.measure(entry.current, record);
    index.count(entry, entry.current, -1);
    index.count(entry, record, 1);
    index.settle(entry.queueRef);
    if (index.isIdle) this.#idle.add(index);
  }

  *sort(): SlicedWork {
    for (const index of this.all()) yield* index.sort();
  }

  /** Forgets queues that have no live job and whose meters remember nothing. */
  sweep(nowMs: number): void {
    for (const index of this.#idle) {
      if (this.#idle.size <= idleQueuesMax && !index.isCold(nowMs)) continue;
      this.#idle.delete(index);
      const ofTenant = this.#byTenant.get(index.tenant);
      ofTenant?.queues.delete(index.queue);
      if (ofTenant?.queues.size === 0) this.#byTenant.delete(index.tenant);
    }
  }

  #open(tenant: string, queue: string): QueueIndex {
    const ofTenant = this.#byTenant.get(tenant) ?? { queues: new Map<string, QueueIndex>(), tally: newTenantTally() };
    const index = new QueueIndex(tenant, queue, ofTenant.tally);
    if (ofTenant.queues.size === 0) this.#byTenant.set(tenant, ofTenant);
    ofTenant.queues.set(queue, index);
    return index;
  }
}
