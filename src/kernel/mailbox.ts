/**
 * The messages of one actor: new arrivals, the stash, and messages taken back from the stash, which are handled first.
 *
 * Invariants: at most `capacity` arrivals wait, and at most `capacity` further messages are stashed or taken back.
 */
import { RingBuffer } from './ring-buffer.ts';

/** Holds the messages of one actor. */
export class Mailbox<M> {
  /** The most arrivals that may wait. */
  readonly capacity: number;
  readonly #arrived: RingBuffer<M>;
  /** Allocated on first use, because most actors never stash. */
  #stashed: RingBuffer<M> | undefined;
  #takenBack: RingBuffer<M> | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#arrived = new RingBuffer(capacity);
  }

  /** Messages ready to be handled. The stash is not counted. */
  get size(): number {
    return this.#arrived.size + (this.#takenBack?.size ?? 0);
  }

  /** The number of messages in the stash. */
  get stashedSize(): number {
    return this.#stashed?.size ?? 0;
  }

  /** Allocated slots of all buffers together. Tests and benchmarks check the memory bound with it. */
  get allocatedSlots(): number {
    return this.#arrived.allocatedSlots + (this.#stashed?.allocatedSlots ?? 0) + (this.#takenBack?.allocatedSlots ?? 0);
  }

  /** Adds an arrival. Returns false if `capacity` arrivals are waiting. */
  push(message: M): boolean {
    return this.#arrived.push(message);
  }

  /** Call only while `size` is above 0: the result cannot signal emptiness, because a message may be `undefined`. */
  next(): M {
    const from = this.#takenBack !== undefined && this.#takenBack.size > 0 ? this.#takenBack : this.#arrived;
    return from.shift() as M;
  }

  /** Returns false if the stash is full. Messages taken back but not yet handled count against the same bound. */
  stash(message: M): boolean {
    if (this.stashedSize + (this.#takenBack?.size ?? 0) >= this.capacity) return false;
    this.#stashed ??= new RingBuffer(this.capacity);
    return this.#stashed.push(message);
  }

  /** Moves the stash to the front of the mailbox, in the order of stashing. */
  unstashAll(): void {
    const stashed = this.#stashed;
    if (stashed === undefined) return;
    this.#takenBack ??= new RingBuffer(this.capacity);
    while (stashed.size > 0) this.#takenBack.unshift(stashed.pop() as M);
  }
}
