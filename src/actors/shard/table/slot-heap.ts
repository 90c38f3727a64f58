/**
 * A binary heap over slots: the slot with the lowest key comes first. Each slot knows its position, so any of them
 * leaves in O(log n). The keys and positions are columns of the arena. The key of a slot must not change while the slot
 * is in the heap.
 */
import { type AllocatedBytes, type ColdSlot, SlotList } from './slot-list.ts';

/** The columns that a heap works on. */
export interface HeapColumns {
  keyOf(slot: ColdSlot): number;
  /** Which of two slots with equal keys goes first. */
  isBefore(one: ColdSlot, other: ColdSlot): boolean;
  /** 0: not in a heap. */
  positionOf(slot: ColdSlot): number;
  setPosition(slot: ColdSlot, position: number): void;
}

export class SlotHeap {
  readonly #columns: HeapColumns;
  readonly #slots: SlotList;

  constructor(columns: HeapColumns, bytes: AllocatedBytes) {
    this.#columns = columns;
    this.#slots = new SlotList(bytes);
  }

  get size(): number {
    return this.#slots.size;
  }

  get first(): ColdSlot | undefined {
    return this.size === 0 ? undefined : this.#slots.at(0);
  }

  /** The slot must not be in a heap that works on the same columns. */
  push(slot: ColdSlot): void {
    this.#slots.push(slot);
    this.#rise(this.size - 1, slot);
  }

  /** The slot must be in this heap. */
  remove(slot: ColdSlot): void {
    const at = this.#columns.positionOf(slot) - 1;
    const last = this.#slots.at(this.size - 1);
    this.#slots.pop();
    this.#columns.setPosition(slot, 0);
    if (last === slot) return;
    if (!this.#rise(at, last)) this.#sink(at, last);
  }

  /** In no particular order. The heap must not change meanwhile. */
  *slots(): Generator<ColdSlot, void> {
    for (let at = 0; at < this.size; at += 1) yield this.#slots.at(at);
  }

  /** How many slots have a lower key, counted up to `most`. Looks at no more than twice as many. */
  countBelow(key: number, most: number): number {
    const open = [0];
    let below = 0;
    for (let at = open.pop(); at !== undefined && below < most; at = open.pop()) {
      // Whatever is below a position has no lower key.
      if (at >= this.size || this.#columns.keyOf(this.#slots.at(at)) >= key) continue;
      below += 1;
      open.push(2 * at + 2, 2 * at + 1);
    }
    return below;
  }

  /** Puts a slot at a free position or above it. Returns whether it is above. */
  #rise(from: number, slot: ColdSlot): boolean {
    const key = this.#columns.keyOf(slot);
    let at = from;
    while (at > 0) {
      const up = (at - 1) >>> 1;
      const parent = this.#slots.at(up);
      if (!this.#goesFirst(slot, key, parent)) break;
      this.#put(at, parent);
      at = up;
    }
    this.#put(at, slot);
    return at !== from;
  }

  /** Puts a slot at a free position or below it. */
  #sink(from: number, slot: ColdSlot): void {
    const key = this.#columns.keyOf(slot);
    let at = from;
    for (let child = 2 * at + 1; child < this.size; child = 2 * at + 1) {
      let least = this.#slots.at(child);
      if (child + 1 < this.size) {
        const right = this.#slots.at(child + 1);
        if (this.#goesFirst(right, this.#columns.keyOf(right), least)) {
          least = right;
          child += 1;
        }
      }
      if (this.#goesFirst(slot, key, least)) break;
      this.#put(at, least);
      at = child;
    }
    this.#put(at, slot);
  }

  #goesFirst(slot: ColdSlot, key: number, other: ColdSlot): boolean {
    const otherKey = this.#columns.keyOf(other);
    return key < otherKey || (key === otherKey && this.#columns.isBefore(slot, other));
  }

  #put(at: number, slot: ColdSlot): void {
    this.#slots.set(at, slot);
    this.#columns.setPosition(slot, at + 1);
  }
}
