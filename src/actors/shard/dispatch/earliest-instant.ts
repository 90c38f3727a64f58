/**
 * The earliest of many instants that come and go, without a look at the others: a heap whose top is thrown away when
 * nothing has that instant any more. What lies below the top and is over goes when it is more than half of the heap.
 */
import { MinHeap } from '../table/min-heap.ts';

/** Fewer are not worth the work. */
const staleMin = 1_000;

/** As many of an instant as were added and not removed. */
export class Instants {
  readonly #counts = new Map<number, number>();
  readonly #heap = new MinHeap<number>((atMs) => atMs);

  /** Places taken. */
  get size(): number {
    return this.#heap.size;
  }

  /** Infinity: there is none. */
  get earliestAtMs(): number {
    for (let top = this.#heap.first; top !== undefined; top = this.#heap.first) {
      if (this.#counts.has(top)) return top;
      this.#heap.pop();
    }
    return Infinity;
  }

  add(atMs: number): void {
    const count = this.#counts.get(atMs) ?? 0;
    this.#counts.set(atMs, count + 1);
    if (count === 0) this.#heap.push(atMs);
  }

  /** Of one that was added. */
  remove(atMs: number): void {
    const left = (this.#counts.get(atMs) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(atMs, left);
      return;
    }
    this.#counts.delete(atMs);
    if (this.#heap.size <= 2 * this.#counts.size + staleMin) return;
    // One that was removed and came again lies there twice.
    const counted = new Set(this.#counts.keys());
    this.#heap.keep((entry) => counted.delete(entry));
  }
}

/** An instant for each of its keys. */
export class InstantsOf<Key> {
  readonly #atMs = new Map<Key, number>();
  #instants = new Instants();

  get earliestAtMs(): number {
    return this.#instants.earliestAtMs;
  }

  keys(): IterableIterator<Key> {
    return this.#atMs.keys();
  }

  set(key: Key, atMs: number): void {
    this.delete(key);
    this.#atMs.set(key, atMs);
    this.#instants.add(atMs);
  }

  delete(key: Key): void {
    const atMs = this.#atMs.get(key);
    if (atMs === undefined) return;
    this.#atMs.delete(key);
    this.#instants.remove(atMs);
  }

  clear(): void {
    this.#atMs.clear();
    this.#instants = new Instants();
  }
}
