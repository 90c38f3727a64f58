/** Things that wait, in a line for each tenant. The lines take turns, so nobody stands behind all that another has brought. */

/** A line gives up the room of what has left when there is more of it than this, and more than what waits. */
const leftMax = 1_024;

/** First come, first served. */
class Line<T> {
  /** Those before the first have left, and nothing of them is held. */
  #items: (T | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  get first(): T | undefined {
    return this.#items[this.#first];
  }

  add(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (this.#first > leftMax && this.#first > this.size) this.keep(() => true);
  }

  all(): readonly T[] {
    return this.#items.slice(this.#first) as T[];
  }

  keep(isKept: (item: T) => boolean): void {
    this.#items = this.all().filter(isKept);
    this.#first = 0;
  }
}

export class TurnQueue<T> {
  /** None is empty. */
  readonly #lines = new Map<string, Line<T>>();
  /** The same lines in the order of their turns. A map that is read and shortened at its front gets slow when it is long. */
  readonly #turns = new Line<{ readonly tenant: string; readonly line: Line<T> }>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(tenant: string, item: T): void {
    let line = this.#lines.get(tenant);
    if (line === undefined) {
      line = new Line();
      this.#lines.set(tenant, line);
      this.#turns.add({ tenant, line });
    }
    line.add(item);
    this.#size += 1;
  }

  /** Whose turn it is. Undefined if nothing waits. */
  next(): T | undefined {
    return this.#turns.first?.line.first;
  }

  /** Removes what `next` returns. Then it is the turn of the next line. */
  take(): void {
    const turn = this.#turns.first;
    if (turn === undefined) return;
    turn.line.shift();
    this.#size -= 1;
    this.#turns.shift();
    if (turn.line.size > 0) this.#turns.add(turn);
    else this.#lines.delete(turn.tenant);
  }

  /** All that waits, line by line. */
  *all(): Generator<T, void> {
    for (const { line } of this.#turns.all()) yield* line.all();
  }

  /** Removes what is not kept. The turns stay. */
  keep(isKept: (item: T) => boolean): void {
    this.#size = 0;
    for (const [tenant, line] of this.#lines) {
      line.keep(isKept);
      this.#size += line.size;
      if (line.size === 0) this.#lines.delete(tenant);
    }
    this.#turns.keep(({ line }) => line.size > 0);
  }
}
