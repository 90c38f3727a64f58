/**
 * The earliest of many instants that come and go. It is a heap, so no other instants need to be looked at. A removed
 * instant is thrown away when it reaches the top. Those below the top are thrown away when they are more than half of
 * the heap.
 */
import { MinHeap } from '../table/min-heap.ts';

/** With fewer stale entries a clean-up is not worth the work. */
const staleMin = 1_000;

/** A multiset: an instant stays as often as it was added and not removed. */
export class Instants {
  readonly #counts = new Map<number, number>();
  readonly #heap = new MinHeap<number>((atMs) => atMs);

  /** Entries in the heap, including removed ones. */
  get size(): number {
    return this.#heap.size;
  }

  /** Infinity when there is none. */
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

  /** Removes an instant that was added before. */
  remove(atMs: number): void {
    const left = (this.#counts.get(atMs) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(atMs, left);
      return;
    }
    this.#counts.delete(atMs);
    if (this.#heap.size <= 2 * this.#counts.size + staleMin) return;
    // An instant that was removed and added again is in the heap twice.
    const counted = new Set(this.#counts.keys());
    this.#heap.keep((entry) => counted.delete(entry));
  }
}

/** One instant per key. */
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
