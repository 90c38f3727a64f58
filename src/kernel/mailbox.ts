/**
 * The messages of one actor: those that arrived, those it stashed, and those it took back from the stash (handled first).
 * At most `capacity` wait, and at most `capacity` more are stashed or taken back.
 */
import { RingBuffer } from './ring-buffer.ts';

export class Mailbox<M> {
  readonly capacity: number;
  readonly #arrived: RingBuffer<M>;
  /** Most actors never stash; theirs stay undefined. */
  #stashed: RingBuffer<M> | undefined;
  #takenBack: RingBuffer<M> | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#arrived = new RingBuffer(capacity);
  }

  /** What the next life or turn would handle; stashed messages are not counted. */
  get size(): number {
    return this.#arrived.size + (this.#takenBack?.size ?? 0);
  }

  get stashedSize(): number {
    return this.#stashed?.size ?? 0;
  }

  get allocatedSlots(): number {
    return this.#arrived.allocatedSlots + (this.#stashed?.allocatedSlots ?? 0) + (this.#takenBack?.allocatedSlots ?? 0);
  }

  push(message: M): boolean {
    return this.#arrived.push(message);
  }

  /** Only when `size` is not 0: a message may be `undefined`. */
  next(): M {
    const from = this.#takenBack !== undefined && this.#takenBack.size > 0 ? this.#takenBack : this.#arrived;
    return from.shift() as M;
  }

  /** False when the stash, with what was taken back from it, is full. */
  stash(message: M): boolean {
    if (this.stashedSize + (this.#takenBack?.size ?? 0) >= this.capacity) return false;
    this.#stashed ??= new RingBuffer(this.capacity);
    return this.#stashed.push(message);
  }

  /** Stashed messages go before everything else, in the order of their stashing. */
  unstashAll(): void {
    const stashed = this.#stashed;
    if (stashed === undefined) return;
    this.#takenBack ??= new RingBuffer(this.capacity);
    while (stashed.size > 0) this.#takenBack.unshift(stashed.pop() as M);
  }
}
