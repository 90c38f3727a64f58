/**
 * Whose turn it is when there is less room than work: a tree (tenant, queue, level, …) in which the children of each node
 * share by weight. Start-time fair queueing: what a child has taken, divided by its weight, is its tag; the lowest tag is
 * next; who was idle starts at the time of now, so that idleness saves nothing up and costs nothing. A child that ages and
 * has waited for `ageing.afterMs` comes before the others, the one that has waited longest first, and pays nothing for it.
 * Pure but for its state.
 */
export interface FairShare {
  readonly name: string;
  /** Above 0. */
  readonly weight: number;
  /** Among its siblings it is not passed over for longer than the ageing says. */
  readonly ages?: boolean;
}

export interface Ageing {
  readonly afterMs: number;
  readonly nowMs: () => number;
}

interface Child<Leaf> {
  readonly weight: number;
  readonly ages: boolean;
  readonly node: FairOrder<Leaf>;
  tag: number;
  /** It has something to be served, and was not served since. */
  waitsSinceMs: number | undefined;
}

export class FairOrder<Leaf> {
  readonly #children = new Map<string, Child<Leaf>>();
  /** The tag of what was served last. */
  #now = 0;
  #leaf: Leaf | undefined;
  readonly #ageing: Ageing | undefined;

  constructor(ageing?: Ageing) {
    this.#ageing = ageing;
  }

  /** Each part of the path is a child of the one before. Answers how to take it out again. */
  add(path: readonly FairShare[], leaf: Leaf): () => void {
    const [first, ...rest] = path;
    if (first === undefined) {
      this.#leaf = leaf;
      return () => (this.#leaf = undefined);
    }
    let child = this.#children.get(first.name);
    if (child === undefined) {
      const { weight, ages = false } = first;
      child = { weight, ages, node: new FairOrder<Leaf>(this.#ageing), tag: this.#now, waitsSinceMs: undefined };
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
    if (!this.#isAged(child)) {
      this.#now = Math.max(child.tag, this.#now);
      child.tag = this.#now + amount / child.weight;
    }
    if (child.waitsSinceMs !== undefined) child.waitsSinceMs = this.#ageing?.nowMs();
    child.node.served(rest, amount);
  }

  /** The leaf at the path has something to be served from now on, whether it is served or not. */
  waits(path: readonly FairShare[]): void {
    this.#mark(path, (child) => (child.waitsSinceMs ??= this.#ageing?.nowMs()));
  }

  /** The leaf at the path has nothing to be served. */
  rests(path: readonly FairShare[]): void {
    this.#mark(path, (child) => (child.waitsSinceMs = undefined));
  }

  /** All leaves, the one whose turn it is first; of equal ones the heavier, then the one that was added first. */
  *order(): Generator<Leaf> {
    if (this.#leaf !== undefined) yield this.#leaf;
    const inTurn = [...this.#children.values()].sort((a, b) => this.#compare(a, b));
    for (const { node } of inTurn) yield* node.order();
  }

  /** The leaf whose turn it is among those that can take it. One pass over the children of each node on the way. */
  next(canTake: (leaf: Leaf) => boolean): Leaf | undefined {
    if (this.#leaf !== undefined && canTake(this.#leaf)) return this.#leaf;
    const passed = new Set<Child<Leaf>>();
    while (passed.size < this.#children.size) {
      let first: Child<Leaf> | undefined;
      for (const child of this.#children.values()) {
        if (!passed.has(child) && (first === undefined || this.#compare(child, first) < 0)) first = child;
      }
      if (first === undefined) return undefined;
      const leaf = first.node.next(canTake);
      if (leaf !== undefined) return leaf;
      passed.add(first);
    }
    return undefined;
  }

  #mark(path: readonly FairShare[], mark: (child: Child<Leaf>) => void): void {
    const [first, ...rest] = path;
    const child = first && this.#children.get(first.name);
    if (child === undefined) return;
    if (child.ages) mark(child);
    child.node.#mark(rest, mark);
  }

  /** Below 0: `one` comes first. */
  #compare(one: Child<Leaf>, other: Child<Leaf>): number {
    return this.#agedSinceMs(one) - this.#agedSinceMs(other) || this.#compareShares(one, other);
  }

  #compareShares(one: Child<Leaf>, other: Child<Leaf>): number {
    return Math.max(one.tag, this.#now) - Math.max(other.tag, this.#now) || other.weight - one.weight;
  }

  #isAged({ waitsSinceMs }: Child<Leaf>): boolean {
    if (this.#ageing === undefined || waitsSinceMs === undefined) return false;
    return this.#ageing.nowMs() - waitsSinceMs >= this.#ageing.afterMs;
  }

  /** Since when an aged child waits; all others are after any of them, and alike. */
  #agedSinceMs(child: Child<Leaf>): number {
    return this.#isAged(child) ? (child.waitsSinceMs ?? 0) : Number.MAX_SAFE_INTEGER;
  }

  get #isEmpty(): boolean {
    return this.#children.size === 0 && this.#leaf === undefined;
  }
}
