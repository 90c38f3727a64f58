/**
 * One timer for all deadlines of a shard: set to the earliest, never further than a timer can be wide. A job has one
 * place in the heap, and another only when its deadline comes nearer: a job that is moved again and again takes no room.
 * Places of jobs that have ended go when they are half of all: most jobs end long before their last deadline.
 */
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { nextDeadline } from '../../../domain/deadline.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type JobDeadline, DeadlineHeap } from './deadline-heap.ts';
import type { ShardMessage } from '../shard-message.ts';

/** A far deadline is armed again when this is over. */
const timerMaxMs = 3_600_000;
/** Fewer are not worth the work. */
const staleMin = 1_000;

export class DeadlineWatch {
  readonly #heap = new DeadlineHeap();
  /** The nearest place of each job in the heap. */
  readonly #nearestAtMs = new Map<JobId, number>();
  readonly #context: Pick<ActorContext<ShardMessage>, 'setTimer'>;
  readonly #nowMs: () => number;
  #armedAtMs = Infinity;
  /** Places that nothing waits for any more: of jobs that have ended, or whose deadline came nearer. */
  #stale = 0;

  constructor(context: Pick<ActorContext<ShardMessage>, 'setTimer'>, nowMs: () => number) {
    this.#context = context;
    this.#nowMs = nowMs;
  }

  /** Places taken. */
  get size(): number {
    return this.#heap.size;
  }

  /** The record is the newest of its job. What is due by then is found out when a place in the heap comes up. */
  watch(record: JobRecord, atMs = nextDeadline(record)?.atMs): void {
    if (atMs === undefined) return;
    const placedAtMs = this.#nearestAtMs.get(record.id);
    if (placedAtMs !== undefined && placedAtMs <= atMs) return;
    if (placedAtMs !== undefined) this.#stale += 1;
    this.#nearestAtMs.set(record.id, atMs);
    this.#heap.push(atMs, record.id);
    this.#arm();
  }

  /** Calls back for each job whose deadline may have come; one that is due later must be watched again. */
  due(nowMs: number, each: (jobId: JobId) => void): void {
    for (let place = this.#heap.popDue(nowMs); place !== undefined; place = this.#heap.popDue(nowMs)) {
      if (!this.#counts(place)) {
        this.#stale -= 1;
        continue;
      }
      this.#nearestAtMs.delete(place.jobId);
      each(place.jobId);
    }
    this.#armedAtMs = Infinity;
    this.#arm();
  }

  /** Of a job that has ended. */
  forget(jobId: JobId): void {
    if (!this.#nearestAtMs.delete(jobId)) return;
    this.#stale += 1;
    if (this.#stale < staleMin || this.#stale * 2 < this.#heap.size) return;
    this.#heap.keep((place) => this.#counts(place));
    this.#stale = 0;
  }

  #counts({ jobId, atMs }: JobDeadline): boolean {
    return this.#nearestAtMs.get(jobId) === atMs;
  }

  #arm(): void {
    const atMs = this.#heap.nextAtMs;
    if (atMs === undefined || atMs >= this.#armedAtMs) return;
    this.#armedAtMs = atMs;
    const delayMs = Math.min(Math.max(0, atMs - this.#nowMs()), timerMaxMs);
    this.#context.setTimer('deadline', delayMs, { kind: 'deadline' });
  }
}
