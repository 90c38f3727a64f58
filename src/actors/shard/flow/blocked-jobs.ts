/**
 * Jobs that had their turn and found no room. They are given back in the order of their places in the line, however
 * often they came here, and only as many as there is room for: those that were given back and had no turn yet count.
 * Otherwise jobs behind them would come into the line before them.
 */
import { MinHeap } from '../table/min-heap.ts';
import type { JobEntry } from '../table/queue-index.ts';

/** Stale places in the heap that are kept before it is cleaned. */
const staleMax = 64;

export class BlockedJobs {
  readonly #jobs = new Set<JobEntry>();
  /** Given back, with no turn since. */
  readonly #back = new Set<JobEntry>();
  /** A place counts if its job is still blocked. */
  readonly #places = new MinHeap<{ readonly entry: JobEntry; readonly place: number }>(({ place }) => place);

  get size(): number {
    return this.#jobs.size;
  }

  /** Nothing is blocked, and all that was given back had its turn. */
  get isEmpty(): boolean {
    return this.#jobs.size + this.#back.size === 0;
  }

  has(entry: JobEntry): boolean {
    return this.#jobs.has(entry);
  }

  add(entry: JobEntry): void {
    this.#back.delete(entry);
    if (this.#jobs.has(entry)) return;
    this.#jobs.add(entry);
    this.#places.push({ entry, place: entry.place });
  }

  /** The job has its turn, or waits no more. Returns whether it was blocked. */
  leave(entry: JobEntry): boolean {
    this.#back.delete(entry);
    if (!this.#jobs.delete(entry)) return false;
    if (this.#places.size > 2 * this.#jobs.size + staleMax) {
      this.#places.keep((one) => this.#jobs.has(one.entry) && one.place === one.entry.place);
    }
    return true;
  }

  /** Takes out the first jobs, so that no more than `room` were given back and had no turn. The last of them is first. */
  takeFirst(room: number): readonly JobEntry[] {
    const ready: JobEntry[] = [];
    while (this.#back.size < room && this.#jobs.size > 0) {
      const first = this.#places.pop();
      if (first === undefined) break;
      const { entry, place } = first;
      if (place !== entry.place || !this.#jobs.delete(entry)) continue;
      this.#back.add(entry);
      ready.push(entry);
    }
    return ready.reverse();
  }

  /** Takes out all jobs that `isMeant` says, blocked or given back. Returns those that were blocked. */
  take(isMeant: (entry: JobEntry) => boolean): readonly JobEntry[] {
    for (const entry of this.#back) if (isMeant(entry)) this.#back.delete(entry);
    const taken = [...this.#jobs].filter(isMeant);
    for (const entry of taken) this.leave(entry);
    return taken;
  }
}
