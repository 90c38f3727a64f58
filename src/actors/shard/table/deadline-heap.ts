/** The next deadlines of a shard's jobs, earliest first. Entries are never removed early: the reader checks them. */
import type { JobId } from '../../../domain/job-id.ts';

export interface Deadline {
  readonly atMs: number;
  readonly jobId: JobId;
}

export class DeadlineHeap {
  #heap: Deadline[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  push(atMs: number, jobId: JobId): void {
    const heap = this.#heap;
    let i = heap.push({ atMs, jobId }) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (this.#at(up) <= this.#at(i)) break;
      this.#swap(i, up);
      i = up;
    }
  }

  /** The earliest entry that is due, or undefined. */
  popDue(nowMs: number): Deadline | undefined {
    const heap = this.#heap;
    const top = heap[0];
    if (top === undefined || top.atMs > nowMs) return undefined;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return top;
  }

  /** Lets go of all others. Ordered entries are a heap. */
  keep(counts: (deadline: Deadline) => boolean): void {
    this.#heap = this.#heap.filter(counts).sort((left, right) => left.atMs - right.atMs);
  }

  #sink(): void {
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      const right = left + 1;
      let least = i;
      if (this.#at(left) < this.#at(least)) least = left;
      if (this.#at(right) < this.#at(least)) least = right;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #at(i: number): number {
    return this.#heap[i]?.atMs ?? Infinity;
  }

  #swap(i: number, j: number): void {
    const a = this.#heap[i];
    const b = this.#heap[j];
    if (a === undefined || b === undefined) return;
    this.#heap[i] = b;
    this.#heap[j] = a;
  }
}
