/**
 * Decides whose turn it is when there is more work than room. The candidates form a tree (tenant, queue, priority
 * level, …) in which the children of each node share by weight. Only candidates that wait have turns, and the others
 * cost nothing, however many there are.
 *
 * The algorithm is start-time fair queueing. A child's tag is what it has taken, divided by its weight, and the lowest
 * tag is next. A child that was idle resumes at the current tag, so idleness neither saves up a claim nor costs one.
 *
 * A child may age: when it has waited for `ageing.afterMs`, it comes before its siblings (the longest wait first), and
 * its tag does not grow for that turn.
 *
 * It changes nothing but its own state.
 */
/** One step of a path through the tree: a child and its weight among its siblings, which the latest path to it decides. */
export interface FairShare {
  readonly name: string;
  /** Must be above 0. */
  readonly weight: number;
  /** If set, the child is subject to ageing. Default: it is not. */
  readonly ages?: boolean;
}

/** How long a child may be passed over, and the clock that measures it. */
export interface Ageing {
  readonly afterMs: number;
  readonly nowMs: () => number;
}

interface Child<Leaf> {
  weight: number;
  readonly ages: boolean;
  readonly node: FairOrder<Leaf>;
  tag: number;
  /** The child has work and has not been served since this time. */
  waitsSinceMs: number | undefined;
}

/** The tree, or one node of it. */
export class FairOrder<Leaf> {
  /** Undefined while it has none: most nodes are leaves, and there may be very many. */
  #children: Map<string, Child<Leaf>> | undefined;
  /** The children with a leaf that waits. */
  #waiting: Set<Child<Leaf>> | undefined;
  /** The tag of the child that was served last. */
  #now = 0;
  #leaf: Leaf | undefined;
  #leafWaits = false;
  readonly #ageing: Ageing | undefined;

  constructor(ageing?: Ageing) {
    this.#ageing = ageing;
  }

  /**
   * Adds a leaf at a path, whose parts are each a child of the part before. It does not wait yet. Returns a function
   * that removes it.
   */
  add(path: readonly FairShare[], leaf: Leaf): () => void {
    const [first, ...rest] = path;
    if (first === undefined) {
      this.#leaf = leaf;
      return () => {
        // Another may have taken the place of this one before it left.
        if (this.#leaf !== leaf) return;
        this.#leaf = undefined;
        this.#leafWaits = false;
      };
    }
    this.#children ??= new Map();
    let child = this.#children.get(first.name);
    if (child === undefined) {
      const { weight, ages = false } = first;
      child = { weight, ages, node: new FairOrder<Leaf>(this.#ageing), tag: this.#now, waitsSinceMs: undefined };
      this.#children.set(first.name, child);
    }
    this.#weigh(child, first.weight);
    const added = child;
    const { node } = added;
    const remove = node.add(rest, leaf);
    return () => {
      remove();
      if (!node.#waits) this.#waiting?.delete(added);
      if (node.#isEmpty && this.#children?.get(first.name) === added) this.#children.delete(first.name);
    };
  }

  /**
   * Gives the children on the path their weights, if they are there. What a child has taken ahead of its siblings stays the
   * same amount, so it comes back to its turn as soon as one that always had this weight.
   */
  weigh(path: readonly FairShare[]): void {
    const [first, ...rest] = path;
    const child = first && this.#children?.get(first.name);
    if (first === undefined || child === undefined) return;
    this.#weigh(child, first.weight);
    child.node.weigh(rest);
  }

  /** Records that the leaf at the path has taken `amount`. */
  served(path: readonly FairShare[], amount: number): void {
    const [first, ...rest] = path;
    const child = first && this.#children?.get(first.name);
    if (child === undefined) return;
    if (!this.#isAged(child)) {
      this.#now = Math.max(child.tag, this.#now);
      child.tag = this.#now + amount / child.weight;
    }
    if (child.waitsSinceMs !== undefined) child.waitsSinceMs = this.#ageing?.nowMs();
    child.node.served(rest, amount);
  }

  /** Records that the leaf at the path has work. Its waiting time starts now, unless it is running already. */
  waits(path: readonly FairShare[]): void {
    const [first, ...rest] = path;
    if (first === undefined) {
      this.#leafWaits = this.#leaf !== undefined;
      return;
    }
    const child = this.#children?.get(first.name);
    if (child === undefined) return;
    child.node.waits(rest);
    if (!child.node.#waits) return;
    this.#waiting ??= new Set();
    this.#waiting.add(child);
    if (child.ages) child.waitsSinceMs ??= this.#ageing?.nowMs();
  }

  /** Records that the leaf at the path has no work. Its waiting time is reset. */
  rests(path: readonly FairShare[]): void {
    const [first, ...rest] = path;
    if (first === undefined) {
      this.#leafWaits = false;
      return;
    }
    const child = this.#children?.get(first.name);
    if (child === undefined) return;
    child.node.rests(rest);
    if (child.ages) child.waitsSinceMs = undefined;
    if (!child.node.#waits) this.#waiting?.delete(child);
  }

  /**
   * The next leaf that waits and for which `canTake` is true. Ties go to the heavier child, then to the one that waits
   * longer. Each node on the way costs a pass over its children that wait, and another for each of them that has no
   * taker.
   */
  next(canTake: (leaf: Leaf) => boolean): Leaf | undefined {
    if (this.#leafWaits && this.#leaf !== undefined && canTake(this.#leaf)) return this.#leaf;
    if (this.#waiting === undefined) return undefined;
    const passed = new Set<Child<Leaf>>();
    while (passed.size < this.#waiting.size) {
      let first: Child<Leaf> | undefined;
      for (const child of this.#waiting) {
        if (!passed.has(child) && (first === undefined || this.#compare(child, first) < 0)) first = child;
      }
      if (first === undefined) return undefined;
      const leaf = first.node.next(canTake);
      if (leaf !== undefined) return leaf;
      passed.add(first);
    }
    return undefined;
  }

  #weigh(child: Child<Leaf>, weight: number): void {
    if (child.weight === weight) return;
    const ahead = Math.max(0, child.tag - this.#now) * child.weight;
    child.tag = this.#now + ahead / weight;
    child.weight = weight;
  }

  /** Negative if `one` comes first. */
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

  /**
   * The time since which an aged child waits. Children that have not aged compare equal and come after all aged ones.
   */
  #agedSinceMs(child: Child<Leaf>): number {
    return this.#isAged(child) ? (child.waitsSinceMs ?? 0) : Number.MAX_SAFE_INTEGER;
  }

  get #waits(): boolean {
    return this.#leafWaits || (this.#waiting?.size ?? 0) > 0;
  }

  get #isEmpty(): boolean {
    return (this.#children?.size ?? 0) === 0 && this.#leaf === undefined;
  }
}
