/**
 * The places for runs on this node. A puller reserves places first and only then asks for messages; a place passes to
 * the run pool when the run is handed over, and is free again when its code is gone. Who waits for room is told in fair
 * order: tenants alike, the queues of a tenant alike, the routes of a queue by the weight of their level and by its age.
 * While more outcomes wait for their shard than is allowed, no place is given out: what is running adds to them still, so
 * they are at most the bound and what the pool may hold.
 */
import type { WorkRoute } from '../../application/ports/bus.ts';
import type { RunPool } from '../../application/ports/run-pool.ts';
import { needText } from '../../domain/handler-need.ts';
import { defaultPriority, priorityAgeingMs, priorityWeights } from '../../domain/priority.ts';
import { FairOrder, type FairShare } from '../../domain/fair-order.ts';

/** How one route waits for room. */
export interface Turn {
  /** It has got so many jobs; the others come first for as long as that is worth. */
  took(jobs: number): void;
  /** It has work and got no place: from now on it ages. */
  waits(): void;
  /** It has no work. */
  rests(): void;
  leave(): void;
}

/** Of ended runs whose outcome no shard has taken yet; past either the node pulls no more. */
export interface UnreportedBounds {
  readonly unreportedMax: number;
  readonly unreportedMaxBytes: number;
}

export class SlotPool {
  readonly #pool: Pick<RunPool, 'capacity'>;
  readonly #wakers: FairOrder<() => void>;
  readonly #bounds: UnreportedBounds;
  #unreported = 0;
  #unreportedBytes = 0;
  #reserved = 0;
  #closed = false;

  constructor(pool: Pick<RunPool, 'capacity'>, monotonicMs: () => number, bounds: UnreportedBounds) {
    this.#pool = pool;
    this.#bounds = bounds;
    this.#wakers = new FairOrder({ afterMs: priorityAgeingMs, nowMs: monotonicMs });
  }

  get free(): number {
    return this.#closed || this.full ? 0 : Math.max(0, this.#pool.capacity() - this.#reserved);
  }

  /** Too many outcomes wait for their shard. */
  get full(): boolean {
    const { unreportedMax, unreportedMaxBytes } = this.#bounds;
    return this.#unreported >= unreportedMax || this.#unreportedBytes >= unreportedMaxBytes;
  }

  /** An outcome waits for its shard: it holds so many bytes. True: with it there are too many. */
  unreported(bytes: number): boolean {
    const wasFull = this.full;
    this.#unreported += 1;
    this.#unreportedBytes += bytes;
    return this.full && !wasFull;
  }

  /** Its shard has it, or nobody wants it any more. */
  reported(bytes: number): void {
    this.#unreported -= 1;
    this.#unreportedBytes -= bytes;
    this.changed();
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Takes up to `wanted` places; answers how many. */
  reserve(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.#reserved += taken;
    return taken;
  }

  /** The place is free again, or the run pool counts it from now on. */
  release(places: number): void {
    this.#reserved -= places;
    this.changed();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The pool may have room again: who comes first may take it all. */
  changed(): void {
    if (this.free > 0) this.#wakeAll();
  }

  /** `wake` is called whenever there is room, or none will ever be again. */
  wait(route: WorkRoute, wake: () => void): Turn {
    const path = sharePath(route);
    const leave = this.#wakers.add(path, wake);
    return {
      leave,
      took: (jobs) => {
        this.#wakers.served(path, jobs);
      },
      waits: () => {
        this.#wakers.waits(path);
      },
      rests: () => {
        this.#wakers.rests(path);
      },
    };
  }

  /** No place is given out any more: the node drains. Whoever waits for one is told. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakers.order()]) wake();
  }
}

function sharePath({ tenant, queue, level = defaultPriority, need }: WorkRoute): readonly FairShare[] {
  const name = need === undefined ? String(level) : `${level}:${needText(need)}`;
  return [
    { name: tenant, weight: 1 },
    { name: queue, weight: 1 },
    { name, weight: priorityWeights[level], ages: true },
  ];
}
