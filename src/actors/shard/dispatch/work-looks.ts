/**
 * Looks of the shards of this process at the stream of work: one at a time, in the order in which they were asked for. So a
 * node with many shards asks JetStream no more at once than one with a single shard, and no shard waits for more than one
 * look of each other.
 */
export interface LookTurn {
  /** It is its turn. */
  readonly begin: () => void;
}

export class WorkLooks {
  readonly #waiting = new Set<LookTurn>();
  #looking: LookTurn | undefined;

  /** Calls `begin` when nobody looks; `end` must follow, whatever becomes of it. */
  ask(turn: LookTurn): void {
    this.#waiting.add(turn);
    this.#next();
  }

  /** The look is over, or not wanted any more. */
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
