/**
 * Cold jobs in the order of their places: what waits behind the warm jobs of a line. A job is in one tail at most.
 *
 * A tail has a number from its first job to its last one, so a tail that was emptied and dropped leaves nothing behind.
 */
import { rowOf, type SlotColumns } from './slot-columns.ts';
import { type HeapColumns, SlotHeap } from './slot-heap.ts';
import type { AllocatedBytes, ColdSlot } from './slot-list.ts';

export class ColdTail {
  readonly #tails: TailNumbers;
  readonly #heap: SlotHeap;
  #no = 0;

  constructor(tails: TailNumbers) {
    this.#tails = tails;
    this.#heap = new SlotHeap(tails.order, tails.bytes);
  }

  get size(): number {
    return this.#heap.size;
  }

  /** The job with the lowest place. Of equal places, the job that was created earlier goes first. */
  get first(): ColdSlot | undefined {
    return this.#heap.first;
  }

  /** Infinity if the tail is empty. */
  get firstPlace(): number {
    const { first } = this.#heap;
    return first === undefined ? Infinity : this.#tails.order.keyOf(first);
  }

  has(slot: ColdSlot): boolean {
    return this.#no !== 0 && this.#tails.noOf(slot) === this.#no;
  }

  /** How many jobs come before a place, counted up to `most`. */
  countBefore(place: number, most: number): number {
    return this.#heap.countBelow(place, most);
  }

  /** The job leaves the tail that it was in. */
  push(slot: ColdSlot): void {
    this.#tails.leave(slot);
    if (this.size === 0) this.#no = this.#tails.open(this);
    this.#tails.setNo(slot, this.#no);
    this.#heap.push(slot);
  }

  /** Removes the first job from the tail. It is still cold. */
  take(): ColdSlot | undefined {
    const { first } = this.#heap;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** The job must be in this tail. It is still cold. */
  remove(slot: ColdSlot): void {
    if (!this.has(slot)) throw new Error(`slot ${slot} is not in this tail`);
    this.#tails.setNo(slot, 0);
    this.#heap.remove(slot);
    if (this.size > 0) return;
    this.#tails.close(this.#no);
    this.#no = 0;
  }

  /** In no particular order. The tail must not change meanwhile. */
  slots(): Iterable<ColdSlot> {
    return this.#heap.slots();
  }
}

/** The tails of an arena that have jobs, by number. */
export class TailNumbers {
  readonly order: HeapColumns;
  readonly bytes: AllocatedBytes;
  readonly #columns: SlotColumns;
  /** Number 0 says that a job is in no tail. */
  #tails: (ColdTail | undefined)[] = [undefined];
  #vacant: number[] = [];

  constructor(columns: SlotColumns, order: HeapColumns, bytes: AllocatedBytes) {
    this.#columns = columns;
    this.order = order;
    this.bytes = bytes;
  }

  /** How many tails have jobs. */
  get size(): number {
    return this.#tails.length - 1 - this.#vacant.length;
  }

  open(tail: ColdTail): number {
    const no = this.#vacant.pop() ?? this.#tails.length;
    this.#tails[no] = tail;
    return no;
  }

  close(no: number): void {
    this.#tails[no] = undefined;
    this.#vacant.push(no);
    if (this.size === 0) [this.#tails, this.#vacant] = [[undefined], []];
  }

  noOf(slot: ColdSlot): number {
    return this.#columns.of(slot).tail[rowOf(slot)] ?? 0;
  }

  setNo(slot: ColdSlot, no: number): void {
    this.#columns.of(slot).tail[rowOf(slot)] = no;
  }

  /** Takes a job out of its tail, if it is in one. */
  leave(slot: ColdSlot): void {
    this.#tails[this.noOf(slot)]?.remove(slot);
  }
}
