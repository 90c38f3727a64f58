/** A binary heap: the entry with the lowest rank comes first. Its owner has to check which entries still count. */
export class MinHeap<T> {
  readonly #rank: (entry: T) => number;
  #heap: T[] = [];

  constructor(rank: (entry: T) => number) {
    this.#rank = rank;
  }

  get size(): number {
    return this.#heap.length;
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  push(entry: T): void {
    let i = this.#heap.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (this.#at(up) <= this.#at(i)) break;
      this.#swap(i, up);
      i = up;
    }
  }

  pop(): T | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return top;
  }

  /** Removes the entries that `counts` rejects. A sorted array is a valid heap. */
  keep(counts: (entry: T) => boolean): void {
    this.#heap = this.#heap.filter(counts).sort((left, right) => this.#rank(left) - this.#rank(right));
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
    const entry = this.#heap[i];
    return entry === undefined ? Infinity : this.#rank(entry);
  }

  #swap(i: number, j: number): void {
    const a = this.#heap[i];
    const b = this.#heap[j];
    if (a === undefined || b === undefined) return;
    this.#heap[i] = b;
    this.#heap[j] = a;
  }
}
