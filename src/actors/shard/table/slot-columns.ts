/**
 * The columns of the arena of cold jobs, in chunks of slots. A chunk is one buffer. It goes when its last slot is free,
 * except one that is kept for the next job. Chunks that are almost full are filled first, so that others become empty.
 *
 * The buffers are resizable, although none is ever resized: V8 maps the pages of such a buffer itself, and so they go
 * back to the system. Other buffers come from malloc, which kept 70 of 74 MB for itself after a million jobs had left.
 */
import type { AllocatedBytes, ColdSlot } from './slot-list.ts';

/** So many slots that a chunk is a whole number of pages. */
const chunkShift = 12;
const chunkSlots = 1 << chunkShift;
const slotBytes = 6 * 8 + 4 * 4 + 1;
/** The objects of a chunk. */
const chunkObjectBytes = 1_600;

/** The index of a slot in the columns of its chunk. */
export function rowOf(slot: ColdSlot): number {
  return slot & (chunkSlots - 1);
}

export class SlotChunk {
  readonly no: number;
  /** Where it is in the list of chunks with free slots. -1: all its slots are used. */
  openAt = -1;
  used = 0;
  /** The row that was freed last, plus 1. A free row has the next one in its `shape`. 0: none. */
  freed = 0;
  /** How many of its rows were ever used. */
  begun = 0;

  readonly createdAtMs: Float64Array;
  readonly unique: Float64Array;
  readonly readyAtMs: Float64Array;
  /** The key in the heap of deadlines. */
  readonly watchedAtMs: Float64Array;
  readonly place: Float64Array;
  readonly inputBytes: Float64Array;
  readonly shape: Uint32Array;
  /** Positions in the heap of deadlines and in that of the tail. 0: in none. */
  readonly watchPosition: Uint32Array;
  readonly tailPosition: Uint32Array;
  /** The number of the tail. 0: in none. */
  readonly tail: Uint32Array;
  /** 0: the slot is free. */
  readonly state: Uint8Array;

  constructor(no: number) {
    this.no = no;
    const buffer = new ArrayBuffer(chunkSlots * slotBytes, { maxByteLength: chunkSlots * slotBytes });
    let offset = 0;
    const next = (bytes: number): number => (offset += bytes * chunkSlots) - bytes * chunkSlots;
    const doubles = (): Float64Array => new Float64Array(buffer, next(8), chunkSlots);
    const words = (): Uint32Array => new Uint32Array(buffer, next(4), chunkSlots);
    this.createdAtMs = doubles();
    this.unique = doubles();
    this.readyAtMs = doubles();
    this.watchedAtMs = doubles();
    this.place = doubles();
    this.inputBytes = doubles();
    this.shape = words();
    this.watchPosition = words();
    this.tailPosition = words();
    this.tail = words();
    this.state = new Uint8Array(buffer, next(1), chunkSlots);
  }
}

export class SlotColumns {
  readonly #bytes: AllocatedBytes;
  readonly #chunks: (SlotChunk | undefined)[] = [];
  /** Numbers without a chunk. */
  readonly #vacant: number[] = [];
  /** Chunks with free slots. The last one is used next. */
  readonly #open: SlotChunk[] = [];
  /** The one chunk without used slots. If there are others with free slots, it is used after them. */
  #spare: SlotChunk | undefined;
  #size = 0;

  constructor(bytes: AllocatedBytes) {
    this.#bytes = bytes;
  }

  /** How many slots are used. */
  get size(): number {
    return this.#size;
  }

  /** The chunk of a slot. Throws if the slot is free. */
  of(slot: ColdSlot): SlotChunk {
    const chunk = this.at(slot);
    if (chunk.state[rowOf(slot)] === 0) throw new Error(`slot ${slot} has no job`);
    return chunk;
  }

  /** The chunk of a slot that is surely used. Heaps and the hash look at many slots, so a further look would cost. */
  at(slot: ColdSlot): SlotChunk {
    const chunk = this.#chunks[slot >>> chunkShift];
    if (chunk === undefined) throw new Error(`slot ${slot} has no job`);
    return chunk;
  }

  /** Begins to use a slot. Its columns hold anything, except that it is in no heap and no tail. */
  use(state: number): ColdSlot {
    const chunk = this.#open.at(-1) ?? this.#grow();
    const row = chunk.freed === 0 ? chunk.begun++ : chunk.freed - 1;
    if (chunk.freed !== 0) chunk.freed = chunk.shape[row] ?? 0;
    chunk.state[row] = state;
    chunk.used += 1;
    this.#size += 1;
    if (this.#spare === chunk) this.#spare = undefined;
    if (chunk.used === chunkSlots) this.#close(chunk);
    return chunk.no * chunkSlots + row;
  }

  /** The slot must be in no heap and no tail. */
  free(slot: ColdSlot): void {
    const chunk = this.of(slot);
    const row = rowOf(slot);
    chunk.state[row] = 0;
    chunk.shape[row] = chunk.freed;
    chunk.freed = row + 1;
    chunk.used -= 1;
    this.#size -= 1;
    if (chunk.openAt === -1) this.#openAt(this.#open.length, chunk);
    if (chunk.used > 0) return;
    if (this.#spare === undefined) this.#keep(chunk);
    else this.#drop(chunk);
  }

  /** The used slots. A slot may be freed meanwhile. One that is used meanwhile may be left out. */
  *slots(): Generator<ColdSlot, void> {
    for (let no = 0; no < this.#chunks.length; no += 1) {
      for (let row = 0; row < chunkSlots; row += 1) {
        const chunk = this.#chunks[no];
        if (chunk === undefined || chunk.used === 0) break;
        if (chunk.state[row] !== 0) yield no * chunkSlots + row;
      }
    }
  }

  #grow(): SlotChunk {
    const chunk = new SlotChunk(this.#vacant.pop() ?? this.#chunks.length);
    this.#bytes.total += chunkSlots * slotBytes + chunkObjectBytes;
    this.#chunks[chunk.no] = chunk;
    this.#openAt(this.#open.length, chunk);
    return chunk;
  }

  #keep(chunk: SlotChunk): void {
    const [first] = this.#open;
    if (first !== undefined) this.#openAt(chunk.openAt, first);
    this.#openAt(0, chunk);
    this.#spare = chunk;
  }

  #drop(chunk: SlotChunk): void {
    this.#close(chunk);
    this.#chunks[chunk.no] = undefined;
    this.#vacant.push(chunk.no);
    this.#bytes.total -= chunkSlots * slotBytes + chunkObjectBytes;
  }

  /** Takes it from the list of those with free slots. */
  #close(chunk: SlotChunk): void {
    const last = this.#open.pop();
    if (last !== undefined && last !== chunk) this.#openAt(chunk.openAt, last);
    chunk.openAt = -1;
  }

  #openAt(at: number, chunk: SlotChunk): void {
    this.#open[at] = chunk;
    chunk.openAt = at;
  }
}
