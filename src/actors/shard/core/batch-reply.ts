/** Collects the results of one batch, of at least one item, and answers when the last item has its result. Each slot is set once. */
import type { TroupeError } from '../../../domain/errors.ts';
import type { ItemResult } from '../../../application/ports/shard-protocol.ts';

/** Receives the result of one item. */
export interface Slot<T> {
  ok(value: T): void;
  fail(error: TroupeError): void;
}

export class BatchReply<T> {
  readonly #results: (ItemResult<T> | undefined)[];
  readonly #answer: (results: readonly ItemResult<T>[]) => void;
  #left: number;

  constructor(size: number, answer: (results: readonly ItemResult<T>[]) => void) {
    this.#results = new Array<ItemResult<T> | undefined>(size).fill(undefined);
    this.#answer = answer;
    this.#left = size;
  }

  slot(index: number): Slot<T> {
    return {
      ok: (value) => {
        this.#set(index, { ok: value });
      },
      fail: (error) => {
        this.#set(index, { error: error.toWire() });
      },
    };
  }

  /** Fails all items that have no result. */
  giveUp(error: TroupeError): void {
    const result = { error: error.toWire() };
    for (let slot = 0; slot < this.#results.length; slot += 1) this.#set(slot, result);
  }

  #set(slot: number, result: ItemResult<T>): void {
    if (this.#left === 0 || this.#results[slot] !== undefined) return;
    this.#results[slot] = result;
    this.#left -= 1;
    if (this.#left === 0) this.#answer(this.#results as ItemResult<T>[]);
  }
}
