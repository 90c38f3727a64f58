/**
 * Jobs that had their turn and found no room, warm and cold ones. They are given back in the order of their places in
 * the line, however often they came here, and only as many as there is room for: those that were given back and had no
 * turn yet count. Otherwise jobs behind them would come into the line before them.
 */
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { OutsideJobs } from './outside-jobs.ts';
import { PlacedJobs, type WaitingJob } from './placed-jobs.ts';

export class BlockedJobs {
  readonly #jobs: PlacedJobs;
  /** Given back, with no turn since. */
  readonly #back = new Set<WaitingJob>();

  constructor(outside: OutsideJobs) {
    this.#jobs = new PlacedJobs(outside);
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Nothing is blocked, and all that was given back had its turn. */
  get isEmpty(): boolean {
    return this.#jobs.size + this.#back.size === 0;
  }

  get firstCold(): ColdSlot | undefined {
    return this.#jobs.firstCold;
  }

  has(job: WaitingJob): boolean {
    return this.#jobs.has(job);
  }

  /** Returns false if the job is blocked already. */
  add(job: WaitingJob): boolean {
    this.#back.delete(job);
    return this.#jobs.add(job);
  }

  /** The job has its turn, or waits no more. Returns whether it was blocked. */
  leave(job: WaitingJob): boolean {
    this.#back.delete(job);
    return this.#jobs.delete(job);
  }

  /** Takes out the first jobs, so that no more than `room` were given back and had no turn. */
  takeFirst(room: number): readonly WaitingJob[] {
    const ready: WaitingJob[] = [];
    while (this.#back.size < room) {
      const first = this.#jobs.takeFirst();
      if (first === undefined) break;
      this.#back.add(first);
      ready.push(first);
    }
    return ready;
  }

  /** Takes out all jobs that `isMeant` says, blocked or given back. Returns those that were blocked. */
  take(isMeant: (job: WaitingJob) => boolean): readonly WaitingJob[] {
    for (const job of this.#back) if (isMeant(job)) this.#back.delete(job);
    return this.#jobs.take(isMeant);
  }
}
