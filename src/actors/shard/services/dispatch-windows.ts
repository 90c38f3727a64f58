/**
 * How many WORK messages may be out. Each level of a queue has a window in each shard: as many jobs as start in a
 * quarter of a second, but at least the floor. All shards of a process count the windows that are in use. The more
 * there are, the lower is the floor, so that many deep queues together do not fill the stream of work.
 */
export interface WindowLimits {
  /** The floor while few windows are in use, and however many are. */
  readonly floor: { readonly most: number; readonly least: number };
  /** WORK messages of a process that the floors may add up to. */
  readonly outMax: number;
  /** Largest window. */
  readonly most: number;
}

/** How long the jobs of a window last at the present rate of starts. */
const windowMs = 250;

const defaultWindowLimits: WindowLimits = { floor: { most: 32, least: 2 }, outMax: 20_000, most: 512 };

export class DispatchWindows {
  readonly #limits: WindowLimits;
  #inUse = 0;

  constructor(limits = defaultWindowLimits) {
    this.#limits = limits;
  }

  /** Windows with a message out. */
  get inUse(): number {
    return this.#inUse;
  }

  /** A window has its first message out. */
  opened(): void {
    this.#inUse += 1;
  }

  /** A window has no message out any more. */
  closed(): void {
    this.#inUse -= 1;
  }

  /** How many jobs of one level of a queue may be dispatched and not started. */
  sizeFor(startsPerSecond: number): number {
    const { floor, outMax, most } = this.#limits;
    const share = Math.floor(outMax / Math.max(1, this.#inUse));
    const least = Math.max(floor.least, Math.min(floor.most, share));
    return Math.min(most, Math.max(least, Math.ceil((startsPerSecond * windowMs) / 1_000)));
  }
}
