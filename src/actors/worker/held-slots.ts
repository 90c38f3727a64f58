/**
 * The slots of deliveries that are on their way to the run pool. A delivery comes with a reserved slot. The slot is held
 * until the pool counts the run, until it is clear that there will be no run, or while the run waits for keys.
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

  /** A slot for a delivery that has given its own back. False if none is free. */
  take(): boolean {
    if (this.#slots.reserve(1) === 0) return false;
    this.#held += 1;
    return true;
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
