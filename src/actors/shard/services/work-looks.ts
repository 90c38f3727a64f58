/**
 * Lets the shards of this process look at the WORK stream one at a time, in the order in which they ask. So a node with
 * many shards sends JetStream no more questions at once than a node with one. And no shard waits for more than one look
 * of each other shard.
 */
export interface LookTurn {
  /** Called when it is this shard's turn. */
  readonly begin: () => void;
}

export class WorkLooks {
  readonly #waiting = new Set<LookTurn>();
  #looking: LookTurn | undefined;

  /** Calls `begin` when no other look is under way. The caller must call `end` afterwards, whatever the result. */
  ask(turn: LookTurn): void {
    this.#waiting.add(turn);
    this.#next();
  }

  /** The look is over, or no longer wanted. */
  end(turn: LookTurn): void {
    this.#waiting.delete(turn);
    if (this.#looking !== turn) return;
    this.#looking = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#looking !== undefined) return;
    const first = this.#waiting.values().next();
    if (first.done === true) return;
    this.#waiting.delete(first.value);
    this.#looking = first.value;
    first.value.begin();
  }
}
