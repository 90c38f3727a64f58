/** The order to hand the shard over. It is carried out once all is written and published, or after the grace period. */
import type { Clock } from '../../../application/ports/runtime.ts';

const graceMs = 3_000;

export interface HandOverParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Decisions that the store lacks, and events that JetStream lacks. The next owner sends WORK messages of its own. */
  readonly owes: () => boolean;
  /** Called once, before the order is reported as carried out. */
  readonly leave: () => void;
}

export class HandOver {
  readonly #parts: HandOverParts;
  #order: { readonly done: () => void; readonly untilMs: number } | undefined;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
  }

  get isOrdered(): boolean {
    return this.#order !== undefined;
  }

  order(done: () => void): void {
    this.#order = { done, untilMs: this.#parts.clock.monotonicMs() + graceMs };
  }

  /** Call this whenever less may be owed, and at every tick. */
  check(): void {
    const order = this.#order;
    if (order === undefined) return;
    const late = this.#parts.clock.monotonicMs() >= order.untilMs;
    if (!late && this.#parts.owes()) return;
    this.#order = undefined;
    this.#parts.leave();
    order.done();
  }
}
