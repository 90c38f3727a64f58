/**
 * Virtual time and seeded order of a whole simulated cluster. It has one heap of timers, and one bag of ready tasks
 * from which the seed picks. Time advances only when no task is ready. The same seed gives the same simulation.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** Instants are whole multiples of 1/1024 ms, so that their sums and differences are exact. */
const ticksPerMs = 1_024;
/** A bug that loops without advancing time must end the test and not hang it. */
const stepsWithoutTimeMax = 50_000;

export class Timeline {
  nowMs = 0;
  readonly #heap: Entry[] = [];
  readonly #ready: (() => void)[] = [];
  readonly #random: Random;
  #order = 0;
  #steps = 0;
  #stepsAtThisTime = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Number of tasks and timers that have run. */
  get steps(): number {
    return this.#steps;
  }

  /** The returned function cancels the timer. */
  at(delayMs: number, fire: () => void): () => void {
    if (Number.isNaN(delayMs)) throw new Error('a timer without a time');
    const dueMs = Math.ceil((this.nowMs + Math.max(0, delayMs)) * ticksPerMs) / ticksPerMs;
    const entry: Entry = { dueMs, order: this.#order++, fire };
    this.#push(entry);
    return () => {
      entry.fire = undefined;
    };
  }

  /** Makes the task ready now. The seed decides the order. */
  soon(task: () => void): void {
    this.#ready.push(task);
  }

  /** Runs everything that happens until then. */
  async run(untilMs: number): Promise<void> {
    // Called from a callback of the event loop, the first tick would otherwise come before the microtasks.
    await Promise.resolve();
    do await this.#settle();
    while (this.#step(untilMs));
  }

  async #settle(): Promise<void> {
    do {
      this.#runReady();
      await turn();
    } while (this.#ready.length > 0);
  }

  #runReady(): void {
    for (let left = this.#ready.length; left > 0; left = this.#ready.length) {
      const index = Math.floor(this.#random() * left);
      const task = this.#ready[index];
      const last = this.#ready.pop();
      if (index < left - 1 && last !== undefined) this.#ready[index] = last;
      this.#count();
      task?.();
    }
  }

  #step(untilMs: number): boolean {
    for (let first = this.#heap[0]; first !== undefined && first.dueMs <= untilMs; first = this.#heap[0]) {
      this.#pop();
      const { fire } = first;
      if (fire === undefined) continue;
      if (first.dueMs > this.nowMs) this.#stepsAtThisTime = 0;
      this.nowMs = Math.max(this.nowMs, first.dueMs);
      this.#count();
      fire();
      return true;
    }
    this.nowMs = Math.max(this.nowMs, Math.ceil(untilMs * ticksPerMs) / ticksPerMs);
    return false;
  }

  #count(): void {
    this.#steps += 1;
    this.#stepsAtThisTime += 1;
    if (this.#stepsAtThisTime > stepsWithoutTimeMax) throw new Error(`no quiet at ${this.nowMs} ms`);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      const least = right !== undefined && isBefore(right, left) ? right : left;
      if (least === right) child += 1;
      if (isBefore(moved, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = moved;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/**
 * Resolves when no microtask is left, so every promise that can settle has settled. `setImmediate` would cost a third
 * of the run.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
