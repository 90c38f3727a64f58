/**
 * Whose turn it is when there is less room than work: a tree (tenant, queue, level, …) in which the children of each node
 * share by weight. Start-time fair queueing: what a child has taken, divided by its weight, is its tag; the lowest tag is
 * next; who was idle starts at the time of now, so that idleness saves nothing up and costs nothing. Pure but for its state.
 */
export interface FairShare {
  readonly name: string;
  /** Above 0. */
  readonly weight: number;
}

interface Child<Leaf> {
  readonly weight: number;
  readonly node: FairOrder<Leaf>;
  tag: number;
}

export class FairOrder<Leaf> {
  readonly #children = new Map<string, Child<Leaf>>();
  /** The tag of what was served last. */
  #now = 0;
  #leaf: Leaf | undefined;

  /** Each part of the path is a child of the one before. Answers how to take it out again. */
  add(path: readonly FairShare[], leaf: Leaf): () => void {
    const [first, ...rest] = path;
    if (first === undefined) {
      this.#leaf = leaf;
      return () => (this.#leaf = undefined);
    }
    let child = this.#children.get(first.name);
    if (child === undefined) {
      child = { weight: first.weight, node: new FairOrder<Leaf>(), tag: this.#now };
      this.#children.set(first.name, child);
    }
    const { node } = child;
    const remove = node.add(rest, leaf);
    return () => {
      remove();
      if (node.#isEmpty) this.#children.delete(first.name);
    };
  }

  /** What the leaf at the path has taken. */
  served(path: readonly FairShare[], amount: number): void {
    const [first, ...rest] = path;
    const child = first && this.#children.get(first.name);
    if (child === undefined) return;
    this.#now = Math.max(child.tag, this.#now);
    child.tag = this.#now + amount / child.weight;
    child.node.served(rest, amount);
  }

  /** All leaves, the one whose turn it is first; of equal ones the heavier, then the one that was added first. */
  *order(): Generator<Leaf> {
    if (this.#leaf !== undefined) yield this.#leaf;
    const byTag = [...this.#children.values()].sort((a, b) => this.#tagOf(a) - this.#tagOf(b) || b.weight - a.weight);
    for (const { node } of byTag) yield* node.order();
  }

  /** The leaf whose turn it is among those that can take it. One pass over the children of each node on the way. */
  next(canTake: (leaf: Leaf) => boolean): Leaf | undefined {
    if (this.#leaf !== undefined && canTake(this.#leaf)) return this.#leaf;
    const passed = new Set<Child<Leaf>>();
    while (passed.size < this.#children.size) {
      let first: Child<Leaf> | undefined;
      for (const child of this.#children.values()) {
        if (!passed.has(child) && (first === undefined || this.#isBefore(child, first))) first = child;
      }
      if (first === undefined) return undefined;
      const leaf = first.node.next(canTake);
      if (leaf !== undefined) return leaf;
      passed.add(first);
    }
    return undefined;
  }

  #tagOf(child: Child<Leaf>): number {
    return Math.max(child.tag, this.#now);
  }

  #isBefore(one: Child<Leaf>, other: Child<Leaf>): boolean {
    const difference = this.#tagOf(one) - this.#tagOf(other);
    return difference < 0 || (difference === 0 && one.weight > other.weight);
  }

  get #isEmpty(): boolean {
    return this.#children.size === 0 && this.#leaf === undefined;
  }
}
