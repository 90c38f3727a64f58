/**
 * Gives the entries of a collection some at a time, in rounds: after the last one comes the first. What is added
 * meanwhile has its turn in this round or the next, and what is removed has none. So a look at very many entries can be
 * spread over many ticks.
 */
export class InRounds<T> {
  readonly #all: { readonly size: number } & Iterable<T>;
  #round: Iterator<T> | undefined;

  constructor(all: { readonly size: number } & Iterable<T>) {
    this.#all = all;
  }

  /** The next entries: each once, and `most` at most. If the caller stops early, the next call goes on from there. */
  *next(most: number): Generator<T, void> {
    for (let left = Math.min(most, this.#all.size); left > 0; left -= 1) {
      const next = this.#ahead() ?? this.#ahead();
      if (next === undefined) return;
      yield next.value;
    }
  }

  /** Undefined at the end of a round. */
  #ahead(): { readonly value: T } | undefined {
    this.#round ??= this.#all[Symbol.iterator]();
    const next = this.#round.next();
    if (next.done !== true) return next;
    this.#round = undefined;
    return undefined;
  }
}
