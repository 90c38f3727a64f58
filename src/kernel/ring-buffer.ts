/**
 * A bounded first-in, first-out queue. Storage starts empty and doubles on demand. A large buffer is released when the
 * queue becomes empty, so that ten thousand idle mailboxes use almost no memory.
 */

const FIRST_SLOTS = 8;
/** An emptied queue keeps its buffer only up to this many slots. */
const RETAINED_SLOTS = 1_024;

/** A bounded queue. Items may be `undefined`. */
export class RingBuffer<T> {
  readonly capacity: number;
  /** The length is 0 or a power of two, so that a bit mask wraps the index. */
  #slots: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of allocated slots. Tests and benchmarks check the memory bound with it. */
  get allocatedSlots(): number {
    return this.#slots.length;
  }

  /** Appends an item. Returns false and changes nothing if the queue is full. */
  push(item: T): boolean {
    if (this.#size >= this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
    return true;
  }

  /** Inserts an item before all others. Returns false and changes nothing if the queue is full. */
  unshift(item: T): boolean {
    if (this.#size >= this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#size++;
    return true;
  }

  /** Removes the oldest item. Check `size` first if items may be `undefined`. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (this.#size === 0 && this.#slots.length > RETAINED_SLOTS) this.clear();
    return item;
  }

  /** Removes the newest item. Check `size` first if items may be `undefined`. */
  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    this.#size--;
    const index = (this.#head + this.#size) & (this.#slots.length - 1);
    const item = this.#slots[index];
    this.#slots[index] = undefined;
    return item;
  }

  /** All items, oldest first. */
  toArray(): T[] {
    return Array.from({ length: this.#size }, (_, i) => this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T);
  }

  /** Removes all items and releases the buffer. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const old = this.#slots;
    const grown = new Array<T | undefined>(Math.max(FIRST_SLOTS, old.length * 2));
    for (let i = 0; i < this.#size; i++) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}
