/**
 * The threads of a cell, by memory class. Threads of the default class exist from the start and are replaced when they
 * end. Threads of other classes are opened when a run needs one. They end when they have been idle for long or when
 * their memory is needed. At most `threads` of them run at once. A thread that does not end when asked to is leaked,
 * and keeps its place.
 */
import { CellThread, type CellThreadOptions } from './cell-thread.ts';
import { displacedBy, outlived } from './idle-eviction.ts';

/** How long an ended thread may take to exit. After that it counts as leaked. */
export const exitMaxMs = 1_000;
/** How many starts may fail in a row before the cell gives up. */
const failedStartsMax = 10;

export interface CellThreadsOptions extends Omit<CellThreadOptions, 'memoryMb'> {
  readonly threads: number;
  readonly defaultMb: number;
  /** A thread is free, or can be opened now. */
  readonly onRoom: () => void;
  readonly onFailing: (reason: string) => void;
}

export class CellThreads {
  readonly #options: CellThreadsOptions;
  /** Threads that were not asked to end yet. */
  readonly #live = new Set<CellThread>();
  /** Threads that were asked to end and have not exited. */
  readonly #ending = new Set<CellThread>();
  readonly #running = new Set<CellThread>();
  readonly #idle = new Map<number, CellThread[]>();
  readonly #starting = new Map<number, number>();
  #leakedIdle = 0;
  #warm = true;
  #failedStarts = 0;
  /** Resolves when the first threads are up and have imported every handler, as far as that is possible. */
  readonly started: Promise<unknown>;

  constructor(options: CellThreadsOptions) {
    this.#options = options;
    const first = Array.from({ length: options.threads }, () => this.#open(options.defaultMb));
    this.started = Promise.allSettled(first.map((thread) => thread.ready));
  }

  /** How many more runs can be taken now. */
  get room(): number {
    return this.#options.threads - this.#running.size - this.#leakedIdle;
  }
  get live(): number {
    return this.#live.size;
  }
  get running(): ReadonlySet<CellThread> {
    return this.#running;
  }
  /** Threads that were asked to end so long ago that JavaScript alone cannot be the reason. */
  get leaked(): number {
    return this.#leakedOf((thread) => this.#ending.has(thread));
  }

  /** Takes an idle thread of this class. It belongs to the caller until it is released or gone. */
  take(memoryMb: number): CellThread | undefined {
    if (this.room <= 0) return undefined;
    const thread = this.#idle.get(memoryMb)?.pop();
    if (thread !== undefined) this.#running.add(thread);
    return thread;
  }

  /** Opens threads of this class for this number of waiting runs. */
  want(memoryMb: number, runs: number): void {
    // Running and starting threads together must not exceed the number that may run.
    while ((this.#starting.get(memoryMb) ?? 0) < runs && this.#startingAll() < this.room) this.#open(memoryMb);
  }

  /**
   * Returns a thread after its run. It becomes idle if it is alive, and ends if the run left it unfit for another one.
   */
  release(thread: CellThread, fit: boolean): void {
    if (!fit) this.terminate(thread);
    if (!this.#live.has(thread) || !this.#running.delete(thread)) return;
    this.#toIdle(thread);
  }

  /** Ends a thread. `exited` resolves when it is gone; then it is replaced. */
  terminate(thread: CellThread): void {
    thread.terminate();
    if (!this.#live.delete(thread)) return;
    this.#ending.add(thread);
    this.#dropIdle(thread);
  }

  /** Ends all idle threads, to free what they hold. Each promise resolves when its thread is gone. */
  endIdle(): readonly Promise<unknown>[] {
    const idle = this.#allIdle();
    for (const thread of idle) this.terminate(thread);
    return idle.map((thread) => thread.exited);
  }

  /** Called once a second. Ends threads that have been idle for long, and opens those that are missing. */
  tend(): void {
    for (const thread of outlived(performance.now(), this.#allIdle(), this.#options.defaultMb)) this.terminate(thread);
    this.#leakedIdle = this.#leakedOf((thread) => !this.#running.has(thread));
    this.#fillUp();
    this.#options.onRoom();
  }

  #open(memoryMb: number): CellThread {
    const { threads, defaultMb } = this.#options;
    for (const idle of displacedBy(memoryMb, this.#live, this.#allIdle(), { threads, defaultMb })) this.terminate(idle);
    const thread = new CellThread({ ...this.#options, memoryMb }, this.#warm);
    this.#live.add(thread);
    this.#starting.set(memoryMb, (this.#starting.get(memoryMb) ?? 0) + 1);
    void this.#settleStart(thread, this.#warm);
    void thread.exited.then(() => this.#gone(thread));
    return thread;
  }

  async #settleStart(thread: CellThread, warm: boolean): Promise<void> {
    const { memoryMb } = thread;
    let up = true;
    try {
      await thread.ready;
    } catch {
      up = false;
    }
    this.#starting.set(memoryMb, (this.#starting.get(memoryMb) ?? 1) - 1);
    // If importing the handlers kills or blocks a thread once, later threads start cold.
    this.#warm &&= up;
    if (up) this.#failedStarts = 0;
    else if (!warm) this.#failedStarts += 1;
    if (this.#failedStarts >= failedStartsMax) this.#options.onFailing('threads die before they are ready');
    if (up && this.#live.has(thread)) this.#toIdle(thread);
  }

  #toIdle(thread: CellThread): void {
    thread.idleSinceMs = performance.now();
    const idle = this.#idle.get(thread.memoryMb);
    if (idle === undefined) this.#idle.set(thread.memoryMb, [thread]);
    else idle.push(thread);
    this.#options.onRoom();
  }

  #dropIdle(thread: CellThread): void {
    const idle = this.#idle.get(thread.memoryMb) ?? [];
    const at = idle.indexOf(thread);
    if (at >= 0) idle.splice(at, 1);
  }

  #gone(thread: CellThread): void {
    this.#live.delete(thread);
    this.#ending.delete(thread);
    this.#running.delete(thread);
    this.#dropIdle(thread);
    // After a failed start we leave it to `tend` to try again, so that we try at most once a second.
    if (this.#failedStarts === 0) this.#fillUp();
    this.#options.onRoom();
  }

  #fillUp(): void {
    const { threads, defaultMb } = this.#options;
    const missing = threads - this.#ending.size - this.#live.size;
    for (let opened = 0; opened < missing; opened += 1) this.#open(defaultMb);
  }

  #leakedOf(counts: (thread: CellThread) => boolean): number {
    const sinceMs = performance.now() - exitMaxMs;
    let leaked = 0;
    for (const thread of this.#ending) {
      if ((thread.terminatedAtMs ?? Infinity) <= sinceMs && counts(thread)) leaked += 1;
    }
    return leaked;
  }

  #startingAll(): number {
    let starting = 0;
    for (const ofClass of this.#starting.values()) starting += ofClass;
    return starting;
  }

  #allIdle(): CellThread[] {
    return [...this.#idle.values()].flat();
  }
}
