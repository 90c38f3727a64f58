/** Jobs that wait outside of their line, warm and cold ones. They leave in the order of their places in the line. */
import type { ColdTail, ColdSlot } from '../table/cold-jobs.ts';
import { MinHeap } from '../table/min-heap.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';
import type { ColdRoom } from './cold-room.ts';
import type { OutsideJobs } from './outside-jobs.ts';

/** A job that waits, warm or cold. */
export type WaitingJob = JobEntry | ColdSlot;

export function isCold(job: WaitingJob): job is ColdSlot {
  return typeof job === 'number';
}

/** The need of a job. */
export function tallyOf(job: WaitingJob, cold: Pick<ColdRoom, 'shapeOf'>): NeedTally {
  return isCold(job) ? cold.shapeOf(job).tally : job.queueRef.tally;
}

/** The concurrency key of a job. */
export function keyOf(job: WaitingJob, cold: Pick<ColdRoom, 'shapeOf'>): string | undefined {
  return isCold(job) ? cold.shapeOf(job).concurrencyKey : job.current.spec.concurrencyKey;
}

interface Place {
  readonly entry: JobEntry;
  readonly place: number;
}

function placeOf({ place }: Place): number {
  return place;
}

/** Stale places in the heap that are kept before it is cleaned. */
const staleMax = 64;

export class PlacedJobs {
  readonly #outside: OutsideJobs;
  #cold: ColdTail | undefined;
  readonly #warm = new Set<JobEntry>();
  /** A place counts if its job is still here. */
  readonly #places = new MinHeap<Place>(placeOf);

  constructor(outside: OutsideJobs) {
    this.#outside = outside;
  }

  get size(): number {
    return this.#warm.size + (this.#cold?.size ?? 0);
  }

  has(job: WaitingJob): boolean {
    return isCold(job) ? this.#cold?.has(job) === true : this.#warm.has(job);
  }

  get firstCold(): ColdSlot | undefined {
    return this.#cold?.first;
  }

  /** Returns false if the job is here already. */
  add(job: WaitingJob): boolean {
    if (this.has(job)) return false;
    if (isCold(job)) {
      this.#cold ??= this.#outside.newTail();
      this.#cold.push(job);
    } else {
      this.#warm.add(job);
      this.#outside.came(job);
      this.#places.push({ entry: job, place: job.place });
    }
    return true;
  }

  /** Returns whether the job was here. A cold job is still cold. */
  delete(job: WaitingJob): boolean {
    if (!this.has(job)) return false;
    if (isCold(job)) this.#cold?.remove(job);
    else {
      this.#remove(job);
      if (this.#places.size > 2 * this.#warm.size + staleMax) this.#places.keep((one) => this.#counts(one));
    }
    return true;
  }

  /** Takes out the job with the lowest place. */
  takeFirst(): WaitingJob | undefined {
    let first = this.#places.first;
    for (; first !== undefined && !this.#counts(first); first = this.#places.first) this.#places.pop();
    const coldPlace = this.#cold?.firstPlace ?? Infinity;
    if (first === undefined || coldPlace < first.place) return this.#cold?.take();
    this.#places.pop();
    this.#remove(first.entry);
    return first.entry;
  }

  /** Takes out all jobs that `isMeant` says. */
  take(isMeant: (job: WaitingJob) => boolean): readonly WaitingJob[] {
    const taken = [...this.#warm, ...(this.#cold?.slots() ?? [])].filter(isMeant);
    for (const job of taken) this.delete(job);
    return taken;
  }

  #remove(entry: JobEntry): void {
    this.#warm.delete(entry);
    this.#outside.left(entry);
  }

  #counts({ entry, place }: Place): boolean {
    return place === entry.place && this.#warm.has(entry);
  }
}
