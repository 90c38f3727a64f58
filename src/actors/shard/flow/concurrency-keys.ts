/**
 * The concurrency keys of the jobs of a limiter that have had their turn: how many of their jobs run and may start,
 * what the quota of the key is, and which jobs had their turn while the key had no room. A key whose jobs only wait for
 * their turn is not known here, and a key that nothing uses any more is forgotten. So a backlog costs nothing here.
 *
 * Each change of a key is made by a method of this class, which then notes when the key has to ask its home. So the
 * next question is known without a look at every key.
 */
import type { JobRecord } from '../../../domain/job.ts';
import { MinHeap } from '../table/min-heap.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { QueueIndex } from '../table/queue-index.ts';
import { BlockedJobs } from './blocked-jobs.ts';
import type { OutsideJobs } from './outside-jobs.ts';
import type { WaitingJob } from './placed-jobs.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';

interface Key {
  running: number;
  dispatched: number;
  /** Jobs that had their turn while the key had no room. */
  readonly blocked: BlockedJobs;
  readonly quota: LocalQuota;
  /** The earliest instant at which the key stands in `#due`. It has to ask no earlier than this. */
  dueMs: number;
}

export interface ConcurrencyKeysParts {
  readonly index: Pick<QueueIndex, 'tenant' | 'queue'>;
  readonly monotonicMs: () => number;
  readonly ask: LocalQuotaParts['ask'];
  /** False while no job of the queue may start. Then no blocked job needs quota. */
  readonly isOpen: () => boolean;
  readonly outside: OutsideJobs;
  /** Called when the key of jobs has room, so that they get their turn again. */
  readonly unblock: (jobs: readonly WaitingJob[]) => void;
  readonly changed: () => void;
}

export class ConcurrencyKeys {
  readonly #parts: ConcurrencyKeysParts;
  readonly #keys = new Map<string, Key>();
  /** When keys have to ask. An entry counts if its key still has this `dueMs`. */
  #due = new MinHeap<{ readonly key: Key; readonly atMs: number }>(({ atMs }) => atMs);
  /** Keys with blocked jobs whose home has not answered yet. */
  readonly #unanswered = new Set<Key>();
  #blocked = 0;

  constructor(parts: ConcurrencyKeysParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Blocked jobs of all keys. */
  get blocked(): number {
    return this.#blocked;
  }

  /** Keys that wait for a first answer. Their jobs may be the next to start. */
  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** How much is used of each key. */
  *usages(): Generator<{
    readonly name: string;
    readonly using: number;
    readonly revoke: (homeEpoch: number) => void;
  }> {
    for (const [name, key] of this.#keys) {
      const revoke = (homeEpoch: number): void => {
        key.quota.revoke(homeEpoch);
        this.#changed(key);
      };
      yield { name, using: key.running + key.dispatched, revoke };
    }
  }

  /** Whether the job had its turn while its key had no room. */
  isBlocked(job: WaitingJob, name: string): boolean {
    return this.#keys.get(name)?.blocked.has(job) === true;
  }

  /** How many further jobs of the key may be sent. Infinity for a job without a key. */
  room({ spec: { concurrencyKey } }: JobRecord): number {
    return concurrencyKey === undefined ? Infinity : this.roomOf(concurrencyKey);
  }

  /** How many further jobs of a key may be sent. */
  roomOf(name: string): number {
    return this.#roomOf(this.#of(name));
  }

  /** The job had its turn, and its key has no room. */
  block(job: WaitingJob, name: string): void {
    const key = this.#of(name);
    if (!key.blocked.add(job)) return;
    this.#blocked += 1;
    if (!key.quota.isKnown(this.#parts.monotonicMs())) this.#unanswered.add(key);
    this.#changed(key);
  }

  /** The job waits no more, or no more for its key. */
  leave(job: WaitingJob, name: string): void {
    const key = this.#keys.get(name);
    if (key?.blocked.leave(job) === true) this.#areFewer(key, 1);
  }

  /** The first cold job of each key. */
  *firstCold(): Generator<ColdSlot, void> {
    for (const { blocked } of this.#keys.values()) if (blocked.firstCold !== undefined) yield blocked.firstCold;
  }

  /** So many jobs more, or fewer, with the key of this job are sent. */
  dispatched({ spec: { concurrencyKey } }: JobRecord, by: 1 | -1): void {
    if (concurrencyKey === undefined) return;
    const key = this.#of(concurrencyKey);
    key.dispatched += by;
    this.#changed(key);
  }

  /** So many jobs more, or fewer, with the key of this job run. */
  ran(record: JobRecord, by: 1 | -1): void {
    const { concurrencyKey } = record.spec;
    if (concurrencyKey === undefined) return;
    const key = this.#of(concurrencyKey);
    key.running += by;
    this.#changed(key);
  }

  /** Gives the turn to blocked jobs with the key of this job, if there is room. */
  unblock({ spec: { concurrencyKey } }: JobRecord): void {
    if (concurrencyKey !== undefined) this.unblockKey(concurrencyKey);
  }

  /** Gives the turn to blocked jobs of a key, if there is room. */
  unblockKey(name: string): void {
    const key = this.#keys.get(name);
    if (key !== undefined) this.#unblock(key);
  }

  /** Discards what was granted. The keys ask for it again. */
  revoke(): void {
    for (const key of this.#keys.values()) {
      key.quota.revoke();
      this.#changed(key);
    }
  }

  sweep(): void {
    for (const [name, key] of this.#keys) {
      if (key.running + key.dispatched === 0 && key.blocked.isEmpty && key.quota.isIdle) this.#keys.delete(name);
    }
  }

  /** When the next key has to ask its home. */
  dueMs(): number {
    for (let first = this.#due.first; first !== undefined; first = this.#due.first) {
      const { key, atMs } = first;
      if (atMs === key.dueMs) {
        const dueMs = key.quota.dueMs();
        if (dueMs <= atMs) return atMs;
        key.dueMs = Infinity;
        this.#note(key, dueMs);
      }
      this.#due.pop();
    }
    return Infinity;
  }

  askIfDue(nowMs: number): void {
    while (this.dueMs() <= nowMs) {
      const first = this.#due.pop();
      if (first === undefined) return;
      const { key } = first;
      key.dueMs = Infinity;
      key.quota.askIfDue(nowMs);
      this.#changed(key);
    }
  }

  #of(name: string): Key {
    const present = this.#keys.get(name);
    if (present !== undefined) return present;
    const { index, ask, changed, isOpen } = this.#parts;
    const key: Key = {
      running: 0,
      dispatched: 0,
      blocked: new BlockedJobs(this.#parts.outside),
      dueMs: Infinity,
      quota: new LocalQuota({
        limit: { tenant: index.tenant, queue: index.queue, key: name },
        demand: () => ({ using: key.running + key.dispatched, waiting: isOpen() ? key.blocked.size : 0 }),
        ask: (question, answered) => {
          ask(question, (answer) => {
            answered(answer);
            this.#unanswered.delete(key);
            this.#changed(key);
            this.#unblock(key);
            changed();
          });
        },
        changed: () => undefined,
      }),
    };
    this.#keys.set(name, key);
    return key;
  }

  #roomOf({ quota, running, dispatched }: Key): number {
    return quota.room(this.#parts.monotonicMs(), { using: running + dispatched, dispatched });
  }

  /** Moves as many jobs as there is room for to the front of their lines. */
  #unblock(key: Key): void {
    if (key.blocked.size === 0) return;
    const ready = key.blocked.takeFirst(this.#roomOf(key));
    this.#areFewer(key, ready.length);
    this.#parts.unblock(ready);
  }

  #areFewer(key: Key, by: number): void {
    if (by === 0) return;
    this.#blocked -= by;
    if (key.blocked.size === 0) this.#unanswered.delete(key);
    this.#changed(key);
  }

  #changed(key: Key): void {
    this.#note(key, key.quota.dueMs());
  }

  /** An entry may be too early, but never too late. */
  #note(key: Key, dueMs: number): void {
    if (dueMs >= key.dueMs) return;
    key.dueMs = dueMs;
    this.#due.push({ key, atMs: dueMs });
  }
}
