/**
 * The next deadlines of a shard's jobs, earliest first. An entry is not removed when its job ends or changes, so the
 * reader must check it.
 */
import type { JobId } from '../../../domain/job-id.ts';
import { MinHeap } from '../table/min-heap.ts';

export interface JobDeadline {
  readonly atMs: number;
  readonly jobId: JobId;
}

export class DeadlineHeap {
  readonly #heap = new MinHeap<JobDeadline>(({ atMs }) => atMs);

  get size(): number {
    return this.#heap.size;
  }

  get nextAtMs(): number | undefined {
    return this.#heap.first?.atMs;
  }

  push(atMs: number, jobId: JobId): void {
    this.#heap.push({ atMs, jobId });
  }

  /** The earliest entry that is due, or undefined. */
  popDue(nowMs: number): JobDeadline | undefined {
    const top = this.#heap.first;
    return top === undefined || top.atMs > nowMs ? undefined : this.#heap.pop();
  }

  /** Removes the entries that `counts` rejects. */
  keep(counts: (deadline: JobDeadline) => boolean): void {
    this.#heap.keep(counts);
  }
}
