/**
 * A list of slots in typed arrays that grows and shrinks at its end. Its first page grows by doubling and the others
 * come whole, so a long list never exists twice. An empty list has no array.
 */

/** The number of a job in the arena of cold jobs of its shard. */
export type ColdSlot = number;

/** What some lists and tables have allocated together. */
export class AllocatedBytes {
  total = 0;

  /** Counts an array that came (1) or went (-1). */
  count(array: ArrayBufferView | undefined, by: 1 | -1): void {
    if (array !== undefined) this.total += by * (array.byteLength + arrayObjectBytes);
  }
}

/** A typed array and its buffer, besides what the buffer holds. */
const arrayObjectBytes = 200;
const pageShift = 12;
const pageSlots = 1 << pageShift;
const leastSlots = 8;

export class SlotList {
  readonly #bytes: AllocatedBytes;
  #pages: Uint32Array[] = [];
  #size = 0;

  constructor(bytes: AllocatedBytes) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** 0 beyond the end. */
  at(index: number): ColdSlot {
    return this.#pages[index >>> pageShift]?.[index & (pageSlots - 1)] ?? 0;
  }

  set(index: number, slot: ColdSlot): void {
    const page = this.#pages[index >>> pageShift];
    if (page !== undefined) page[index & (pageSlots - 1)] = slot;
  }

  push(slot: ColdSlot): void {
    const index = this.#size;
    if ((index & (pageSlots - 1)) >= (this.#pages[index >>> pageShift]?.length ?? 0)) this.#grow(index >>> pageShift);
    this.#size += 1;
    this.set(index, slot);
  }

  /** Removes the last one. One page more than needed stays, so that a list at the edge of a page is at ease. */
  pop(): void {
    this.#size -= 1;
    const pagesMax = this.#size === 0 ? 0 : ((this.#size - 1) >>> pageShift) + 2;
    while (this.#pages.length > pagesMax) this.#bytes.count(this.#pages.pop(), -1);
  }

  #grow(pageNo: number): void {
    const former = this.#pages[pageNo];
    const page = new Uint32Array(pageNo > 0 ? pageSlots : Math.max(leastSlots, 2 * (former?.length ?? 0)));
    if (former !== undefined) page.set(former);
    this.#bytes.count(former, -1);
    this.#bytes.count(page, 1);
    this.#pages[pageNo] = page;
  }
}
