/**
 * One thread for its whole life: a Piscina pool of size one. The pool gets a task only when it has none, so nothing
 * ever waits inside Piscina. We use pools of one because a pool cannot be resized, and because such threads share
 * nothing. Each has its own slot memory, and we know which thread a message comes from.
 *   starting → idle ⇄ running → ended        a thread that does not end when asked to is `leaked`
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { endChildrenOf, endOrphans } from '../protocol/child-processes.ts';
import { compileCacheEnv } from '../protocol/compile-cache.ts';
import { entryPath } from '../protocol/entry-path.ts';
import { createSlotMemory, RunSlot } from '../protocol/run-slot.ts';
import { type StreamAnswer, type ThreadAnswer, type ThreadAsk, threadAskFrom } from '../protocol/stream-messages.ts';
import type {
  RunTask,
  Sources,
  ThreadNote,
  ThreadResult,
  ThreadSetup,
  ThreadStarted,
} from '../protocol/thread-messages.ts';
import { noteFrom, resultFrom } from './thread-news.ts';

/** If importing the handlers takes longer than this, we assume that it is blocked. */
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
  readonly onAsk: (thread: CellThread, ask: ThreadAsk) => void;
}

/** A CPU profile that is being recorded. */
interface ThreadProfile {
  /** Ends the recording. Resolves when the thread is no longer being profiled. */
  finish(): Promise<void>;
}

export class CellThread {
  readonly id: number;
  readonly memoryMb: number;
  readonly slot: RunSlot;
  readonly #pool: Piscina;
  readonly #outputMaxBytes: number;
  /** For the streams of runs. Their answers must not wait behind anything, and tasks have a port of Piscina's own. */
  readonly #streams: MessagePort;
  readonly native: Worker;
  /** Rejects when the thread ended before it could take a task. */
  readonly ready: Promise<void>;
  /** Resolves with the exit code once no code runs in the thread any more, nor in the processes that it started. */
  readonly exited: Promise<number>;
  /** The error that the thread died of, if any. */
  error: unknown;
  #osThread: number | undefined;
  /** The profile that is being recorded, if any. */
  profile: ThreadProfile | undefined;
  /** When the thread was asked to end. */
  terminatedAtMs: number | undefined;
  /** Number of runs that the thread was given. */
  runs = 0;
  idleSinceMs = 0;

  /** `warm`: the thread imports every handler at its start, so that the first job need not wait for that. */
  constructor(options: CellThreadOptions, warm: boolean) {
    const { memoryMb, sources, env, handlers, outputMaxBytes, onNote, onAsk } = options;
    this.memoryMb = memoryMb;
    this.#outputMaxBytes = outputMaxBytes;
    const slot = createSlotMemory();
    this.slot = new RunSlot(slot);
    const setup: ThreadSetup = { slot, sources, handlers, outputMaxBytes };
    this.#pool = new Piscina({
      filename: entryPath('thread/thread-main'),
      name: 'runTask',
      // Piscina creates the thread for the first task, and never again.
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      maxQueue: 0,
      recordTiming: false,
      // An idle thread that blocks in Atomics.wait keeps a stale loop time, so the timers of the next run would fire
      // early.
      atomics: 'disabled',
      env: { ...compileCacheEnv(), ...Object.fromEntries(env) },
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      workerData: setup,
    });
    this.#pool.on('error', () => undefined); // the thread died while idle; `exited` reports that
    this.#pool.on('message', (message: unknown) => {
      const note = noteFrom(message);
      if (note !== undefined) onNote(this, note);
    });
    const { port1, port2: streams } = new MessageChannel();
    this.#streams = port1;
    port1.on('message', (message: unknown) => {
      const ask = threadAskFrom(message);
      if (ask !== undefined) onAsk(this, ask);
    });
    const started = this.#pool.run({ kind: 'start', warm, streams }, { transferList: [streams] });
    const [native] = this.#pool.threads;
    if (native === undefined) throw new Error('invariant broken: the first task makes the thread');
    this.native = native;
    this.id = native.threadId;
    this.exited = new Promise((resolve) => {
      native.once('exit', (code) => {
        endOrphans();
        port1.close();
        resolve(code);
      });
    });
    native.on('error', (error: unknown) => {
      this.error = error ?? new Error(`${String(error)} was thrown`);
    });
    this.ready = this.#whenStarted(started);
  }

  /** The thread must be idle. Rejects when the thread dies; see `exited` and `error`. */
  async run(task: RunTask, transfer?: ArrayBuffer[]): Promise<ThreadResult> {
    this.slot.clear();
    this.runs += 1;
    const options = transfer === undefined ? undefined : { transferList: transfer };
    const told: unknown = await this.#pool.run(task, options);
    if (this.profile !== undefined) await this.profile.finish();
    const result = resultFrom(told, this.#outputMaxBytes);
    if (result !== undefined) return result;
    // The answer did not come from `runTask`.
    this.terminate();
    throw new Error('the thread answered with something other than a result');
  }

  answer(runId: string, number: number, answer: StreamAnswer): void {
    const message: ThreadAnswer = { runId, number, answer };
    this.#streams.postMessage(message, answer.kind === 'piece' ? [answer.bytes.buffer as ArrayBuffer] : []);
  }

  /** Ends the thread's child processes first, because its code may be waiting for one of them. */
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
