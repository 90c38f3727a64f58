/**
 * One timer for all deadlines of a shard. It is set to the earliest deadline, at most `timerMaxMs` ahead. A job has one
 * place in the heap. It gets another one only when its deadline comes nearer, so a job that is rescheduled again and
 * again takes no extra room. Places of ended jobs are removed when they are half of all, because most jobs end long
 * before their last deadline. The deadlines of cold jobs are kept with them; here is only the timer.
 */
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { nextDeadline } from '../../../domain/deadline.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type JobDeadline, DeadlineHeap } from './deadline-heap.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ColdJobs, ColdSlot } from '../table/cold-jobs.ts';

/** For a deadline further away, the timer is armed again after this time. */
const timerMaxMs = 3_600_000;
/** With fewer stale places a clean-up is not worth the work. */
const staleMin = 1_000;

/** Jobs whose deadline may have come. */
export interface DueFound {
  readonly warm: (jobId: JobId) => void;
  readonly cold: (slot: ColdSlot) => void;
}

export class DeadlineWatch {
  readonly #heap = new DeadlineHeap();
  /** The nearest place of each job in the heap. */
  readonly #nearestAtMs = new Map<JobId, number>();
  readonly #context: Pick<ActorContext<ShardMessage>, 'setTimer'>;
  readonly #nowMs: () => number;
  readonly #cold: Pick<ColdJobs, 'nextDeadlineAtMs' | 'takeDue'>;
  /** As many cold jobs as may be are on their way. Their timer is set again when some have come. */
  #coldWait = false;
  #armedAtMs = Infinity;
  /** Places that no longer count, because their job has ended or its deadline came nearer. */
  #stale = 0;

  constructor(
    context: Pick<ActorContext<ShardMessage>, 'setTimer'>,
    cold: Pick<ColdJobs, 'nextDeadlineAtMs' | 'takeDue'>,
    nowMs: () => number,
  ) {
    this.#context = context;
    this.#cold = cold;
    this.#nowMs = nowMs;
  }

  /** Places in the heap, including those that no longer count. */
  get size(): number {
    return this.#heap.size;
  }

  /**
   * Watches the deadline of the newest record of a job. When a place in the heap comes up, the caller finds out what is
   * really due.
   */
  watch(record: JobRecord, atMs = nextDeadline(record)?.atMs): void {
    if (atMs === undefined) return;
    const placedAtMs = this.#nearestAtMs.get(record.id);
    if (placedAtMs !== undefined && placedAtMs <= atMs) return;
    if (placedAtMs !== undefined) this.#stale += 1;
    this.#nearestAtMs.set(record.id, atMs);
    this.#heap.push(atMs, record.id);
    this.#arm();
  }

  /** Cold jobs were added, or may be taken again. */
  coldCame(): void {
    this.#coldWait = false;
    this.#arm();
  }

  /**
   * Calls back for each job whose deadline may have come, for at most `most` of them, and `coldMost` cold ones. If the
   * job is due later, the caller must watch it again. If places are left over, the timer fires at once, unless `most` is
   * 0: then the caller has to come back. The same holds for `coldMost`.
   */
  due(nowMs: number, { most, coldMost }: { readonly most: number; readonly coldMost: number }, found: DueFound): void {
    let left = most;
    for (; left > 0; left -= 1) {
      const place = this.#heap.popDue(nowMs);
      if (place === undefined) break;
      if (this.#counts(place)) {
        this.#nearestAtMs.delete(place.jobId);
        found.warm(place.jobId);
      } else this.#stale -= 1;
    }
    this.#coldWait = coldMost <= 0;
    for (left = Math.min(left, coldMost); left > 0; left -= 1) {
      const slot = this.#cold.takeDue(nowMs);
      if (slot === undefined) break;
      found.cold(slot);
    }
    if (most === 0) return;
    this.#armedAtMs = Infinity;
    this.#arm();
  }

  /** Forgets a job that has ended. */
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
    const coldAtMs = this.#coldWait ? Infinity : this.#cold.nextDeadlineAtMs();
    const atMs = Math.min(this.#heap.nextAtMs ?? Infinity, coldAtMs);
    if (atMs >= this.#armedAtMs) return;
    this.#armedAtMs = atMs;
    const delayMs = Math.min(Math.max(0, atMs - this.#nowMs()), timerMaxMs);
    this.#context.setTimer('deadline', delayMs, { kind: 'deadline' });
  }
}
