/**
 * The slots for runs on this node. A puller reserves slots first and only then asks for messages. A slot passes to the run
 * pool when the run is handed over, and is free again when the code of the run is gone.
 *
 * Pullers that wait for a slot are woken in fair order: tenants share by their weights, all queues of a tenant are equal, and
 * the routes of a queue are ordered by the weight of their level and by how long they wait.
 *
 * Invariant: while the unreported outcomes have reached their bound, no slot is given out. Runs that have a slot still end
 * and add their outcomes, so there are never more than the bound plus what the pool may hold.
 */
import type { WorkRoute } from '../../application/ports/bus.ts';
import type { RunPool } from '../../application/ports/run-pool.ts';
import { needText } from '../../domain/handler-need.ts';
import { defaultPriority, priorityAgeingMs, priorityWeights } from '../../domain/priority.ts';
import { defaultTenantWeight } from '../../domain/tenant.ts';
import { FairOrder, type FairShare } from '../../domain/fair-order.ts';

/** How one route waits for room. */
export interface Turn {
  /** The route has received this many jobs. The others come first until they have had their share. */
  took(jobs: number): void;
  /** The route has work and got no slot. It ages from now on, and is woken when there is room. */
  waits(): void;
  /** The route has a slot, or no work. */
  rests(): void;
  leave(): void;
}

/** What waits for room. A node may have thousands of routes, of which few want a slot at a time. */
export interface Waiter {
  /** False while waking it would change nothing. */
  readonly wants: () => boolean;
  /** Returns whether it will ask for a slot. Then it takes what is free, or passes it on. */
  readonly wake: () => boolean;
}

/** Bounds of outcomes that no shard has taken yet. When either is reached, the node pulls no more. */
export interface UnreportedBounds {
  readonly unreportedMax: number;
  readonly unreportedMaxBytes: number;
}

export class SlotPool {
  readonly #pool: Pick<RunPool, 'capacity'>;
  readonly #waiters: FairOrder<Waiter>;
  readonly #all = new Set<Waiter>();
  readonly #bounds: UnreportedBounds;
  readonly #weights = new Map<string, number>();
  #unreported = 0;
  #unreportedBytes = 0;
  #reserved = 0;
  #closed = false;

  constructor(pool: Pick<RunPool, 'capacity'>, monotonicMs: () => number, bounds: UnreportedBounds) {
    this.#pool = pool;
    this.#bounds = bounds;
    this.#waiters = new FairOrder({ afterMs: priorityAgeingMs, nowMs: monotonicMs });
  }

  get free(): number {
    return this.#closed || this.full ? 0 : Math.max(0, this.#pool.capacity() - this.#reserved);
  }

  /** The unreported outcomes have reached a bound. */
  get full(): boolean {
    const { unreportedMax, unreportedMaxBytes } = this.#bounds;
    return this.#unreported >= unreportedMax || this.#unreportedBytes >= unreportedMaxBytes;
  }

  /** Adds an outcome that waits for its shard and holds `bytes`. Returns true if this one reaches a bound. */
  unreported(bytes: number): boolean {
    const wasFull = this.full;
    this.#unreported += 1;
    this.#unreportedBytes += bytes;
    return this.full && !wasFull;
  }

  /** Removes an outcome that its shard has taken, or that nobody wants any more. */
  reported(bytes: number): void {
    this.#unreported -= 1;
    this.#unreportedBytes -= bytes;
    this.changed();
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Reserves up to `wanted` slots and returns how many. */
  reserve(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.#reserved += taken;
    return taken;
  }

  /** The slots are free again, or the run pool counts them from now on. */
  release(slots: number): void {
    this.#reserved -= slots;
    this.changed();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The pool may have room again. For each free slot the next that waits is woken. The first of them may take all of
   * the slots.
   */
  changed(): void {
    const tried = new Set<Waiter>();
    for (let free = this.free; free > 0;) {
      const next = this.#waiters.next((waiter) => !tried.has(waiter) && waiter.wants());
      if (next === undefined) return;
      tried.add(next);
      if (next.wake()) free -= 1;
    }
  }

  /** Wakes it whenever there is room, and when there will never be any again. */
  wait(route: WorkRoute, waiter: Waiter): Turn {
    const path = sharePath(route, this.#weights.get(route.tenant) ?? defaultTenantWeight);
    const leave = this.#waiters.add(path, waiter);
    this.#all.add(waiter);
    return {
      leave: () => {
        leave();
        this.#all.delete(waiter);
      },
      took: (jobs) => {
        this.#waiters.served(path, jobs);
      },
      waits: () => {
        this.#waiters.waits(path);
      },
      rests: () => {
        this.#waiters.rests(path);
      },
    };
  }

  /** Gives a tenant its weight, also while its routes wait. Default: 1. */
  weigh(tenant: string, weight: number): void {
    if (weight === defaultTenantWeight) this.#weights.delete(tenant);
    else this.#weights.set(tenant, weight);
    this.#waiters.weigh([{ name: tenant, weight }]);
  }

  /** The node drains: no slot is given out any more, and all that wait for one are woken. */
  close(): void {
    this.#closed = true;
    for (const { wants, wake } of [...this.#all]) if (wants()) wake();
  }
}

function sharePath({ tenant, queue, level = defaultPriority, need }: WorkRoute, weight: number): readonly FairShare[] {
  const name = need === undefined ? String(level) : `${level}:${needText(need)}`;
  return [
    { name: tenant, weight },
    { name: queue, weight: 1 },
    { name, weight: priorityWeights[level], ages: true },
  ];
}
