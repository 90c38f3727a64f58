/**
 * The threads of a cell, by memory class. Threads of the default class are there from the start and replaced when they
 * end; those of other classes come when a run needs one and go when they are idle or their memory is needed. At most
 * `threads` of them run at once; one that does not end when it is told to keeps its place (it is leaked).
 */
import { CellThread, type CellThreadOptions } from './cell-thread.ts';
import { displacedBy, outlived } from './thread-eviction.ts';

/** From ending a thread until its exit; after it the thread counts as leaked. */
export const exitMaxMs = 1_000;
/** Starts that may fail in a row before the cell is given up. */
const failedStartsMax = 10;

export interface CellThreadsOptions extends Omit<CellThreadOptions, 'memoryMb'> {
  readonly threads: number;
  readonly defaultMb: number;
  /** A thread is free, or may be had now. */
  readonly onRoom: () => void;
  readonly onFailing: (reason: string) => void;
}

export class CellThreads {
  readonly #options: CellThreadsOptions;
  /** Not told to end yet. */
  readonly #live = new Set<CellThread>();
  /** Told to end, and not gone. */
  readonly #ending = new Set<CellThread>();
  readonly #running = new Set<CellThread>();
  readonly #idle = new Map<number, CellThread[]>();
  readonly #starting = new Map<number, number>();
  #leakedIdle = 0;
  #warm = true;
  #failedStarts = 0;
  /** The first threads are up, with every handler imported as far as it can be. */
  readonly started: Promise<unknown>;

  constructor(options: CellThreadsOptions) {
    this.#options = options;
    const first = Array.from({ length: options.threads }, () => this.#open(options.defaultMb));
    this.started = Promise.allSettled(first.map((thread) => thread.ready));
  }

  /** Runs that may be taken up now. */
  get room(): number {
    return this.#options.threads - this.#running.size - this.#leakedIdle;
  }
  get live(): number {
    return this.#live.size;
  }
  get running(): ReadonlySet<CellThread> {
    return this.#running;
  }
  /** Told to end longer ago than any JavaScript needs for it. */
  get leaked(): number {
    return this.#leakedOf((thread) => this.#ending.has(thread));
  }

  /** An idle thread of this class; it is the caller's until it is released or gone. */
  take(memoryMb: number): CellThread | undefined {
    if (this.room <= 0) return undefined;
    const thread = this.#idle.get(memoryMb)?.pop();
    if (thread !== undefined) this.#running.add(thread);
    return thread;
  }

  /** So many runs wait for a thread of this class. */
  want(memoryMb: number, runs: number): void {
    // Those that run and those that start are together no more than may run.
    while ((this.#starting.get(memoryMb) ?? 0) < runs && this.#startingAll() < this.room) this.#open(memoryMb);
  }

  /** After its run, if it lives: it may be given another, or ends when the run left it unfit for one. */
  release(thread: CellThread, fit: boolean): void {
    if (!fit) this.terminate(thread);
    if (!this.#live.has(thread) || !this.#running.delete(thread)) return;
    this.#toIdle(thread);
  }

  /** It is gone when `exited` says so, and is replaced. */
  terminate(thread: CellThread): void {
    thread.terminate();
    if (!this.#live.delete(thread)) return;
    this.#ending.add(thread);
    this.#dropIdle(thread);
  }

  /** All idle ones, with whatever they hold; resolves when each is gone. */
  endIdle(): readonly Promise<unknown>[] {
    const idle = this.#allIdle();
    for (const thread of idle) this.terminate(thread);
    return idle.map((thread) => thread.exited);
  }

  /** Once a second: what has been idle for long ends, what is missing is opened. */
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
    // After failed starts it is `tend` that tries again: no faster than once a second.
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
