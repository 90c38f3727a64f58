/**
 * Runs of a cell that wait for a thread: first in, first out within each memory class. A run whose class has no thread
 * yet does not hold up the others, and is the first to be looked at again.
 */
import { isPastDeadline, type Run } from './cell-run.ts';
import type { CellThread } from './cell-thread.ts';
import type { CellThreads } from './cell-threads.ts';

export class WaitingRuns {
  readonly #runs: Run[] = [];

  get size(): number {
    return this.#runs.length;
  }

  add(run: Run): void {
    this.#runs.push(run);
  }

  addFirst(run: Run): void {
    this.#runs.unshift(run);
  }

  take(runId: string): Run | undefined {
    const at = this.#runs.findIndex(({ request }) => request.runId === runId);
    return at < 0 ? undefined : this.#removeAt(at);
  }

  /** Gives runs to idle threads while there is room, and asks for the threads that are missing. */
  pump(threads: CellThreads, act: { assign(run: Run, thread: CellThread): void; late(run: Run): void }): void {
    const missing = new Map<number, number>();
    for (let at = 0; threads.room > 0;) {
      const run = this.#runs[at];
      if (run === undefined) break;
      if (isPastDeadline(run)) {
        this.#removeAt(at);
        act.late(run);
        continue;
      }
      const thread = threads.take(run.memoryMb);
      if (thread === undefined) {
        missing.set(run.memoryMb, (missing.get(run.memoryMb) ?? 0) + 1);
        at += 1;
      } else {
        this.#removeAt(at);
        act.assign(run, thread);
      }
    }
    for (const [memoryMb, runs] of missing) threads.want(memoryMb, runs);
  }

  /**
   * Removes and returns the runs that have waited longer than `maxMs` while all threads are busy. None is overdue while
   * there is room, because a thread is then on its way.
   */
  overdue(nowMs: number, maxMs: number, threads: CellThreads): readonly Run[] {
    const [oldest] = this.#runs;
    if (oldest === undefined || threads.room > 0 || nowMs - oldest.acceptedAtMs <= maxMs) return [];
    const overdue = this.#runs.filter((run) => nowMs - run.acceptedAtMs > maxMs);
    for (const run of overdue) this.#removeAt(this.#runs.indexOf(run));
    return overdue;
  }

  #removeAt(at: number): Run | undefined {
    return at === 0 ? this.#runs.shift() : this.#runs.splice(at, 1)[0];
  }
}
