/**
 * Piscina as the cell uses it: one task per thread, handed only to a thread known to be idle, so nothing ever waits
 * inside Piscina. It chooses the thread itself (as Piscina's load balancer), so that a task can be ended by ending
 * exactly its thread, with no AbortController per task; Piscina then replaces the thread.
 */
import { Piscina } from 'piscina';
import type { Worker } from 'node:worker_threads';
import { entryPath } from './entry-path.ts';
import { createSlotMemory, RunSlot } from './run-slot.ts';
import type { ThreadProfile } from './thread-profiler.ts';
import { isThreadNote, type Sources, type ThreadNote, type ThreadResult, type ThreadTask } from './thread-messages.ts';

const warmMaxMs = 10_000;

export interface CellThreadsOptions {
  readonly threads: number;
  readonly memoryMb: number;
  readonly sources: Sources;
  readonly handlers: ReadonlyMap<string, string>;
  readonly onIdle: () => void;
  readonly onNote: (note: ThreadNote) => void;
}

export interface CellThread {
  readonly id: number;
  readonly slotIndex: number;
  readonly slot: RunSlot;
  readonly worker: Worker;
  /** Resolves with the exit code once no code runs in it any more. */
  readonly exited: Promise<number>;
  /** What it died of, if it was an error. */
  error: unknown;
  /** It is being profiled. */
  profile: ThreadProfile | undefined;
}

export class CellThreads {
  readonly #options: CellThreadsOptions;
  readonly #pool: Piscina;
  readonly #memory: SharedArrayBuffer;
  readonly #freeSlots: number[];
  readonly #live = new Map<number, CellThread>();
  readonly #idle: CellThread[] = [];
  #chosen: CellThread | undefined;
  #warming = true;
  #starting: number;
  #onStarted: () => void = () => undefined;
  /** All threads are up, with every handler imported as far as it can be. */
  readonly started: Promise<void>;

  constructor(options: CellThreadsOptions) {
    this.#options = options;
    this.#starting = options.threads;
    this.started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
    // A thread that ends may still hold its slot when its replacement is ready.
    const slots = options.threads * 2;
    this.#memory = createSlotMemory(slots);
    this.#freeSlots = Array.from({ length: slots }, (_, index) => index);
    this.#pool = new Piscina({
      filename: entryPath('thread-main'),
      name: 'runTask',
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      maxQueue: 0,
      recordTiming: false,
      // An idle thread that blocks in Atomics.wait keeps a stale loop time: the next run's timers would fire early.
      atomics: 'disabled',
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: options.memoryMb },
      workerData: { slots: this.#memory, sources: options.sources, handlers: options.handlers },
      loadBalancer: (_task, workers) => this.#place(workers),
    });
    // Piscina tells of a replacement just before it counts it as ready.
    this.#pool.on('workerCreate', ({ id }: { readonly id: number }) => queueMicrotask(() => this.#adopt(id)));
    this.#pool.on('workerDestroy', (destroyed: { readonly id: number }) => this.#withdraw(destroyed.id));
    this.#pool.on('error', () => undefined); // an idle thread died: `#adopt` listens itself
    this.#pool.on('message', (message: unknown) => {
      if (isThreadNote(message)) options.onNote(message);
    });
  }

  get live(): number {
    return this.#live.size;
  }

  hasIdle(): boolean {
    return this.#idle.length > 0;
  }

  /** Hands a task to an idle thread. The result rejects when the thread dies; see its `exited` and `error`. */
  assign(makeTask: (slotIndex: number) => ThreadTask, transfer?: ArrayBuffer[]) {
    const thread = this.#idle.pop();
    if (thread === undefined) throw new Error('invariant broken: a task is assigned only when a thread is idle');
    return { thread, result: this.#send(thread, makeTask(thread.slotIndex), transfer) };
  }

  terminate(thread: CellThread): void {
    const free = thread.profile?.finish() ?? Promise.resolve();
    void free.then(() => thread.worker.terminate());
  }

  async #send(thread: CellThread, task: ThreadTask, transfer?: ArrayBuffer[]): Promise<ThreadResult> {
    thread.slot.assign(task.key);
    this.#chosen = thread;
    const options = transfer === undefined ? undefined : { transferList: transfer };
    const pending = this.#pool.run(task, options) as Promise<ThreadResult>;
    this.#assertPlaced();
    const result = await pending;
    if (thread.profile !== undefined) await thread.profile.finish();
    this.#release(thread);
    return result;
  }

  /** A task that waited inside Piscina would be given to any thread: rather end the cell. */
  #assertPlaced(): void {
    if (this.#chosen === undefined) return;
    setImmediate(() => {
      throw new Error('invariant broken: an idle thread is ready in Piscina');
    });
  }

  #place<W extends { readonly id: number }>(workers: readonly W[]): W | null {
    const worker = workers.find(({ id }) => id === this.#chosen?.id);
    if (worker !== undefined) this.#chosen = undefined;
    return worker ?? null;
  }

  #release(thread: CellThread): void {
    if (!this.#live.has(thread.id)) return;
    this.#idle.push(thread);
    this.#options.onIdle();
  }

  #adopt(id: number): void {
    const worker = this.#pool.threads.find((candidate) => candidate.threadId === id);
    const slotIndex = this.#freeSlots.shift();
    if (worker === undefined || slotIndex === undefined) return;
    let onExit: (code: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => {
      onExit = resolve;
    });
    const slot = new RunSlot(this.#memory, slotIndex);
    const thread: CellThread = { id, slotIndex, slot, worker, exited, error: undefined, profile: undefined };
    worker.on('error', (error: unknown) => {
      thread.error = error ?? new Error(`${String(error)} was thrown`);
    });
    worker.on('exit', (code) => {
      this.#withdraw(id);
      this.#freeSlots.push(slotIndex);
      onExit(code);
    });
    this.#live.set(id, thread);
    void this.#warm(thread);
  }

  #withdraw(id: number): void {
    const thread = this.#live.get(id);
    if (thread === undefined) return;
    this.#live.delete(id);
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** If importing the handlers kills or blocks a thread once, later threads start cold. */
  async #warm(thread: CellThread): Promise<void> {
    if (this.#warming) {
      const timer = setTimeout(() => this.terminate(thread), warmMaxMs);
      try {
        await this.#send(thread, { kind: 'warm', key: 0, slot: thread.slotIndex });
      } catch {
        this.#warming = false;
      }
      clearTimeout(timer);
    } else {
      this.#release(thread);
    }
    this.#starting -= 1;
    if (this.#starting === 0) this.#onStarted();
  }
}
