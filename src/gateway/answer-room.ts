/**
 * What one call has reserved for its answer before it loads it. Without that, calls that begin together would all find
 * room, and then load more than there is.
 *
 * The bytes are counted until the answer is written, which counts it from then on, or until the call is over. An answer
 * may go past the budget, so that one larger than the budget can be read at all: the bound is the budget and one answer.
 */
import { invariant } from '../domain/errors.ts';
import type { SendBudget } from './send-budget.ts';

export class AnswerRoom {
  readonly #budget: SendBudget;
  readonly #tenant: string;
  #held: (() => void)[] = [];

  constructor(budget: SendBudget, tenant: string) {
    this.#budget = budget;
    this.#tenant = tenant;
  }

  /** Throws OVERLOADED if others hold all there is. What this call has reserved is not held against it. */
  ensureRoom(): void {
    if (this.#held.length === 0) this.#budget.ensureRoom(this.#tenant);
  }

  readonly reserve = (bytes: number): void => {
    // A sum with NaN would stay NaN, and the budget with it: every answer of this process would be refused from then on.
    invariant(Number.isFinite(bytes) && bytes >= 0, 'what an answer reserves is a number of bytes');
    this.ensureRoom();
    this.#held.push(this.#budget.hold(this.#tenant, bytes));
  };

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const free of held) free();
  }
}
