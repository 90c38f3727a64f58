/**
 * The earliest of many instants that come and go, without a look at the others: a heap whose top is thrown away when
 * nothing has that instant any more. What lies below the top and is over goes when it is more than half of the heap.
 */

/** Fewer are not worth the work. */
const staleMin = 1_000;

/** As many of an instant as were added and not removed. */
export class Instants {
  readonly #counts = new Map<number, number>();
  #heap: number[] = [];

  /** Places taken. */
  get size(): number {
    return this.#heap.length;
  }

  /** Infinity: there is none. */
  get earliestAtMs(): number {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#counts.has(top)) return top;
      this.#pop();
    }
    return Infinity;
  }

  add(atMs: number): void {
    const count = this.#counts.get(atMs) ?? 0;
    this.#counts.set(atMs, count + 1);
    if (count === 0) this.#push(atMs);
  }

  /** Of one that was added. */
  remove(atMs: number): void {
    const left = (this.#counts.get(atMs) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(atMs, left);
      return;
    }
    this.#counts.delete(atMs);
    if (this.#heap.length > 2 * this.#counts.size + staleMin) {
      // Ordered entries are a heap.
      this.#heap = [...this.#counts.keys()].sort((one, other) => one - other);
    }
  }

  #push(atMs: number): void {
    const heap = this.#heap;
    let i = heap.push(atMs) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const above = heap[up] ?? -Infinity;
      if (above <= atMs) break;
      heap[i] = above;
      i = up;
    }
    heap[i] = atMs;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let least = 2 * i + 1;
      if ((heap[least + 1] ?? Infinity) < (heap[least] ?? Infinity)) least += 1;
      const below = heap[least] ?? Infinity;
      if (below >= last) break;
      heap[i] = below;
      i = least;
    }
    heap[i] = last;
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
