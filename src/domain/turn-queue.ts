/** Things that wait, in a line for each tenant. The lines take turns, so nobody stands behind all that another has brought. */

interface Line<T> {
  items: T[];
  /** Those before it have left. */
  first: number;
}

/** A line gives up the room of what has left when there is more of it than this, and more than what waits. */
const leftMax = 1_024;

export class TurnQueue<T> {
  /** In the order of their turns. None is empty. */
  readonly #lines = new Map<string, Line<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(tenant: string, item: T): void {
    const line = this.#lines.get(tenant);
    if (line === undefined) this.#lines.set(tenant, { items: [item], first: 0 });
    else line.items.push(item);
    this.#size += 1;
  }

  /** Whose turn it is. Undefined if nothing waits. */
  next(): T | undefined {
    for (const { items, first } of this.#lines.values()) return items[first];
    return undefined;
  }

  /** Removes what `next` returns. Then it is the turn of the next line. */
  take(): void {
    for (const [tenant, line] of this.#lines) {
      line.first += 1;
      this.#size -= 1;
      const waits = line.items.length - line.first;
      if (waits > 0 && line.first > leftMax && line.first > waits) {
        line.items = line.items.slice(line.first);
        line.first = 0;
      }
      if (waits === 0 || this.#lines.size > 1) this.#lines.delete(tenant);
      if (waits > 0) this.#lines.set(tenant, line);
      return;
    }
  }

  /** All that waits, line by line. */
  *all(): Generator<T, void> {
    for (const { items, first } of this.#lines.values()) yield* items.slice(first);
  }

  /** Removes what is not kept. The turns stay. */
  keep(isKept: (item: T) => boolean): void {
    for (const [tenant, line] of this.#lines) {
      const kept = line.items.slice(line.first).filter(isKept);
      this.#size -= line.items.length - line.first - kept.length;
      if (kept.length === 0) this.#lines.delete(tenant);
      else Object.assign(line, { items: kept, first: 0 } satisfies Line<T>);
    }
  }
}
