/**
 * Whose turn it is among calls with many jobs. A call is taken in parts, its first part at once. Of the further parts, one
 * is taken in each turn of the event loop, and tenants take turns. So no call holds the loop for long, and the parts of one
 * tenant do not stand behind all those of another. What waits is bounded by what the gateway admits.
 */
import { TurnQueue } from '../../domain/turn-queue.ts';

/** A few ms of a gateway's time. */
export const partJobs = 50;

export class SubmitTurns {
  readonly #atTurnEnd: (then: () => void) => void;
  readonly #waiting = new TurnQueue<() => void>();
  #isPlanned = false;

  /** `atTurnEnd` calls back at the end of the current turn of the event loop. */
  constructor(atTurnEnd: (then: () => void) => void) {
    this.#atTurnEnd = atTurnEnd;
  }

  /** Resolves when a further part of a call of the tenant may be taken. */
  next(tenant: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(tenant, resolve);
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.size === 0) return;
    this.#isPlanned = true;
    this.#atTurnEnd(() => {
      this.#isPlanned = false;
      const begin = this.#waiting.next();
      this.#waiting.take();
      this.#plan();
      begin?.();
    });
  }
}
