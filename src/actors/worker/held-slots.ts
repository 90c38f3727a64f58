/**
 * The slots of deliveries that are on their way to the run pool. A delivery comes with a reserved slot. The slot is held
 * until the pool counts the run, or until it is clear that there will be no run.
 */
import type { SlotPool } from './slot-pool.ts';

export class HeldSlots {
  readonly #slots: SlotPool;
  #held = 0;

  constructor(slots: SlotPool) {
    this.#slots = slots;
  }

  hold(slots: number): void {
    this.#held += slots;
  }

  free(slots: number): void {
    this.#held -= slots;
    this.#slots.release(slots);
  }

  /** The slots belong to the node and outlive the actor: one that is not freed here would stay reserved for ever. */
  stop(): void {
    this.free(this.#held);
  }
}
