/**
 * A first-in, first-out queue that never holds more than its capacity. Storage starts empty, doubles on demand and is
 * given back when a large queue has run empty, so ten thousand idle mailboxes cost next to nothing.
 */

const FIRST_SLOTS = 8;
/** An emptied queue keeps at most this many slots. */
const RETAINED_SLOTS = 1_024;

export class RingBuffer<T> {
  readonly capacity: number;
  /** Length is 0 or a power of two, so that the index wraps with a mask. */
  #slots: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Slots allocated now; for the memory bound in tests and benches. */
  get allocatedSlots(): number {
    return this.#slots.length;
  }

  /** False, and nothing changed, when full. */
  push(item: T): boolean {
    if (this.#size >= this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
    return true;
  }

  /** Puts an item before all others; false, and nothing changed, when full. */
  unshift(item: T): boolean {
    if (this.#size >= this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#size++;
    return true;
  }

  /** The oldest item; check `size` first where items may be `undefined`. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (this.#size === 0 && this.#slots.length > RETAINED_SLOTS) this.clear();
    return item;
  }

  /** The newest item. */
  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    this.#size--;
    const index = (this.#head + this.#size) & (this.#slots.length - 1);
    const item = this.#slots[index];
    this.#slots[index] = undefined;
    return item;
  }

  /** Oldest first. */
  toArray(): T[] {
    return Array.from({ length: this.#size }, (_, i) => this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T);
  }

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
