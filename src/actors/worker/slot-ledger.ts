/**
 * The places for runs on this node. A puller reserves places first and only then asks for messages; a place passes to
 * the run pool when the run is handed over, and is free again when its code is gone.
 */
import type { RunPool } from '../../application/ports/run-pool.ts';

export class SlotLedger {
  readonly #pool: Pick<RunPool, 'capacity'>;
  readonly #wakers = new Set<() => void>();
  #reserved = 0;
  #closed = false;

  constructor(pool: Pick<RunPool, 'capacity'>) {
    this.#pool = pool;
  }

  get free(): number {
    return this.#closed ? 0 : Math.max(0, this.#pool.capacity() - this.#reserved);
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Takes up to `wanted` places; answers how many. */
  reserve(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.#reserved += taken;
    return taken;
  }

  /** The place is free again, or the run pool counts it from now on. */
  release(places: number): void {
    this.#reserved -= places;
    this.changed();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The pool may have room again. Who was woken first is last the next time: no queue stands in the way of another. */
  changed(): void {
    if (this.free === 0) return;
    const [first] = this.#wakers;
    for (const wake of [...this.#wakers]) wake();
    if (first === undefined || !this.#wakers.delete(first)) return;
    this.#wakers.add(first);
  }

  onRoom(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }

  /** No place is given out any more: the node drains. Whoever waits for one is told. */
  close(): void {
    this.#closed = true;
    for (const wake of [...this.#wakers]) wake();
  }
}
