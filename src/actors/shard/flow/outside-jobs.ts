/**
 * The jobs of a limiter that wait outside of its lines and have their record in memory, wherever they wait. While memory
 * is tight they are looked at, some at a time, whether they may become cold.
 */
import type { ColdTail } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';

export class OutsideJobs {
  readonly newTail: () => ColdTail;
  readonly #warm = new Set<JobEntry>();
  /** Those that are still to be looked at. It follows what comes and goes meanwhile. */
  #looks: Iterator<JobEntry> | undefined;

  constructor(newTail: () => ColdTail) {
    this.newTail = newTail;
  }

  get isEmpty(): boolean {
    return this.#warm.size === 0;
  }

  /** A job waits in one place at a time, so it comes once. */
  came(entry: JobEntry): void {
    this.#warm.add(entry);
  }

  left(entry: JobEntry): void {
    this.#warm.delete(entry);
  }

  /** `look` begins anew with all jobs. */
  lookAtAll(): void {
    this.#looks = this.#warm.size === 0 ? undefined : this.#warm.values();
  }

  /** Looks at `most` jobs. Returns how many it may still look at: 0 if jobs may be left. */
  look(most: number, at: (entry: JobEntry) => void): number {
    let left = most;
    for (; left > 0 && this.#looks !== undefined; left -= 1) {
      const next = this.#looks.next();
      if (next.done === true) {
        this.#looks = undefined;
        break;
      }
      at(next.value);
    }
    return left;
  }
}
