/**
 * Finds slots by the hash of their job's id: open addressing in segments that grow and shrink one at a time, so that no
 * single step is long. A removal moves later slots back over the gap, so there are no marks of removed ones.
 */
import type { AllocatedBytes, ColdSlot } from './slot-list.ts';

/** The top bits of a hash say its segment, the low bits its cell in it. */
const segmentBits = 7;
const leastCells = 8;

/** Hash of the parts of an id that tell jobs of a shard apart. Parts above 32 bits count with all their bits. */
export function hashOfId(createdAtMs: number, unique: number): number {
  let hash = Math.imul(unique | 0, 0x9e3779b1) ^ Math.imul((unique / 2 ** 32) | 0, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(createdAtMs | 0, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13) ^ ((createdAtMs / 2 ** 32) | 0), 0x297a2d39);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class SlotHash {
  readonly #hashOf: (slot: ColdSlot) => number;
  readonly #bytes: AllocatedBytes;
  readonly #segments: (Segment | undefined)[] = Array.from({ length: 1 << segmentBits }, () => undefined);

  /** `hashOf`: the hash of a slot, an unsigned 32-bit number. It must not change while the slot is here. */
  constructor(hashOf: (slot: ColdSlot) => number, bytes: AllocatedBytes) {
    this.#hashOf = hashOf;
    this.#bytes = bytes;
  }

  find(hash: number, isSought: (slot: ColdSlot) => boolean): ColdSlot | undefined {
    return this.#segments[segmentNo(hash)]?.find(hash, isSought);
  }

  /** The slot must not be here yet. */
  add(slot: ColdSlot): void {
    const hash = this.#hashOf(slot);
    const segment = (this.#segments[segmentNo(hash)] ??= new Segment(this.#hashOf, this.#bytes));
    segment.add(slot, hash);
  }

  /** The slot must be here. */
  remove(slot: ColdSlot): void {
    const hash = this.#hashOf(slot);
    const segment = this.#segments[segmentNo(hash)];
    if (segment?.remove(slot, hash) === 0) this.#segments[segmentNo(hash)] = undefined;
  }
}

function segmentNo(hash: number): number {
  return hash >>> (32 - segmentBits);
}

/** A table whose length is a power of two. A cell holds a slot plus 1, or 0. At most two thirds are full. */
class Segment {
  readonly #hashOf: (slot: ColdSlot) => number;
  readonly #bytes: AllocatedBytes;
  #cells = new Uint32Array(leastCells);
  #size = 0;

  constructor(hashOf: (slot: ColdSlot) => number, bytes: AllocatedBytes) {
    this.#hashOf = hashOf;
    this.#bytes = bytes;
    bytes.count(this.#cells, 1);
  }

  find(hash: number, isSought: (slot: ColdSlot) => boolean): ColdSlot | undefined {
    const cells = this.#cells;
    const mask = cells.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = (cells[at] ?? 0) - 1;
      if (slot < 0) return undefined;
      if (isSought(slot)) return slot;
    }
  }

  add(slot: ColdSlot, hash: number): void {
    this.#size += 1;
    if (this.#size * 3 > this.#cells.length * 2) this.#resize(this.#cells.length * 2);
    this.#insert(slot, hash);
  }

  /** Returns how many are left. With the last one its array goes. */
  remove(slot: ColdSlot, hash: number): number {
    const mask = this.#cells.length - 1;
    let at = hash & mask;
    while (this.#cells[at] !== slot + 1) at = (at + 1) & mask;
    this.#close(at);
    this.#size -= 1;
    if (this.#size === 0) this.#bytes.count(this.#cells, -1);
    else if (this.#size * 8 < this.#cells.length && this.#cells.length > leastCells)
      this.#resize(this.#cells.length / 2);
    return this.#size;
  }

  /** Empties a cell. Each slot behind it that may lie there, because its own cell is not after it, moves up. */
  #close(from: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let gap = from;
    for (let at = (gap + 1) & mask; cells[at] !== 0; at = (at + 1) & mask) {
      const own = this.#hashOf((cells[at] ?? 0) - 1) & mask;
      if (((at - own) & mask) < ((at - gap) & mask)) continue;
      cells[gap] = cells[at] ?? 0;
      gap = at;
    }
    cells[gap] = 0;
  }

  #resize(length: number): void {
    const former = this.#cells;
    this.#cells = new Uint32Array(length);
    this.#bytes.count(former, -1);
    this.#bytes.count(this.#cells, 1);
    for (const cell of former) if (cell !== 0) this.#insert(cell - 1, this.#hashOf(cell - 1));
  }

  #insert(slot: ColdSlot, hash: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let at = hash & mask;
    while (cells[at] !== 0) at = (at + 1) & mask;
    cells[at] = slot + 1;
  }
}
