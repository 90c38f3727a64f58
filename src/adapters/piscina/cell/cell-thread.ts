/**
 * One thread for its whole life: a Piscina pool of one, which is given a task only when it has none, so nothing ever waits
 * inside Piscina. Pools of one, because a pool cannot be resized, and because threads then share nothing: each has its
 * own slot memory, and what it says is known to be its own.
 *   starting → idle ⇄ running → ended        a thread that does not end when it is told to is `leaked`
 */
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { endChildrenOf, endOrphans } from '../protocol/child-processes.ts';
import { entryPath } from '../protocol/entry-path.ts';
import { createSlotMemory, RunSlot } from '../protocol/run-slot.ts';
import type {
  RunTask,
  Sources,
  ThreadNote,
  ThreadResult,
  ThreadSetup,
  ThreadStarted,
} from '../protocol/thread-messages.ts';
import { noteFrom, resultFrom } from './thread-news.ts';

/** Past it, importing the handlers is taken for blocked. */
const warmMaxMs = 10_000;

export interface CellThreadOptions {
  readonly memoryMb: number;
  readonly sources: Sources;
  /** What handlers see in `process.env`. */
  readonly env: ReadonlyMap<string, string>;
  /** Handler name → URL of its file. */
  readonly handlers: ReadonlyMap<string, string>;
  readonly outputMaxBytes: number;
  readonly onNote: (thread: CellThread, note: ThreadNote) => void;
}

/** A recording of what the thread does. */
interface ThreadProfile {
  /** Ends it; resolves when the thread is free of it. */
  finish(): Promise<void>;
}

export class CellThread {
  readonly id: number;
  readonly memoryMb: number;
  readonly slot: RunSlot;
  readonly #pool: Piscina;
  readonly #outputMaxBytes: number;
  readonly native: Worker;
  /** Rejects when it ended before it could take a task. */
  readonly ready: Promise<void>;
  /** Resolves with the exit code once no code runs in it any more, nor in what it started. */
  readonly exited: Promise<number>;
  /** What it died of, if it was an error. */
  error: unknown;
  #osThread: number | undefined;
  /** It is being profiled. */
  profile: ThreadProfile | undefined;
  /** It was told to end, at this moment. */
  terminatedAtMs: number | undefined;
  /** How many it has been given. */
  runs = 0;
  /** When it became idle. */
  idleSinceMs = 0;

  /** `warm`: it imports every handler first, so that the first job finds it warm. */
  constructor(options: CellThreadOptions, warm: boolean) {
    const { memoryMb, sources, env, handlers, outputMaxBytes, onNote } = options;
    this.memoryMb = memoryMb;
    this.#outputMaxBytes = outputMaxBytes;
    const slot = createSlotMemory();
    this.slot = new RunSlot(slot);
    const setup: ThreadSetup = { slot, sources, handlers, outputMaxBytes };
    this.#pool = new Piscina({
      filename: entryPath('thread/thread-main'),
      name: 'runTask',
      // Made for its first task, and not made again.
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      maxQueue: 0,
      recordTiming: false,
      // An idle thread that blocks in Atomics.wait keeps a stale loop time: the next run's timers would fire early.
      atomics: 'disabled',
      env: Object.fromEntries(env),
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      workerData: setup,
    });
    this.#pool.on('error', () => undefined); // it died while idle: `exited` tells
    this.#pool.on('message', (message: unknown) => {
      const note = noteFrom(message);
      if (note !== undefined) onNote(this, note);
    });
    const started = this.#pool.run({ kind: 'start', warm });
    const [native] = this.#pool.threads;
    if (native === undefined) throw new Error('invariant broken: the first task makes the thread');
    this.native = native;
    this.id = native.threadId;
    this.exited = new Promise((resolve) => {
      native.once('exit', (code) => {
        endOrphans();
        resolve(code);
      });
    });
    native.on('error', (error: unknown) => {
      this.error = error ?? new Error(`${String(error)} was thrown`);
    });
    this.ready = this.#whenStarted(started);
  }

  /** Only when it is idle. Rejects when the thread dies; see `exited` and `error`. */
  async run(task: RunTask, transfer?: ArrayBuffer[]): Promise<ThreadResult> {
    this.slot.clear();
    this.runs += 1;
    const options = transfer === undefined ? undefined : { transferList: transfer };
    const told: unknown = await this.#pool.run(task, options);
    if (this.profile !== undefined) await this.profile.finish();
    const result = resultFrom(told, this.#outputMaxBytes);
    if (result !== undefined) return result;
    // Whatever has answered, it was not `runTask`.
    this.terminate();
    throw new Error('the thread answered with something other than a result');
  }

  /** What it has started goes first: it may be what its code waits for. */
  terminate(): void {
    if (this.terminatedAtMs !== undefined) return;
    this.terminatedAtMs = performance.now();
    endChildrenOf(this.#osThread);
    const free = this.profile?.finish() ?? Promise.resolve();
    void free.then(() => this.native.terminate());
  }

  async #whenStarted(started: Promise<unknown>): Promise<void> {
    const timer = setTimeout(() => this.terminate(), warmMaxMs);
    try {
      this.#osThread = ((await started) as ThreadStarted).osThread;
    } finally {
      clearTimeout(timer);
    }
  }
}
