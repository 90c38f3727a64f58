/**
 * Keeps the process of a cell within its memory. Heap limits do not count ArrayBuffers, so the resident memory of the
 * process is watched. Past the bound the idle threads are ended, once, with what runs may have left in them; if that does
 * not help, the run that holds most, before the kernel ends something of its own choice. One at a time: the next look is
 * after that thread is gone.
 */
import type { CellThreads } from './cell-threads.ts';
import type { CellRuns } from './cell-runs.ts';
import type { Run } from './cell-run.ts';

const lookEveryMs = 100;
/** A thread in native code does not answer; then the newest run is taken to be the one. */
const answerMaxMs = 250;
const goneMaxMs = 1_000;

export class CellMemory {
  readonly #runs: CellRuns;
  readonly #threads: CellThreads;
  readonly #rssMaxBytes: number;
  #looking = false;
  #idleEnded = false;

  constructor(runs: CellRuns, threads: CellThreads, rssMaxBytes: number) {
    this.#runs = runs;
    this.#threads = threads;
    this.#rssMaxBytes = rssMaxBytes;
  }

  watch(): void {
    setInterval(() => void this.#look(), lookEveryMs);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    if (!this.#isFull()) {
      this.#idleEnded = false;
      return;
    }
    this.#looking = true;
    if (this.#idleEnded) await this.#endLargest();
    else await within(goneMaxMs, Promise.all(this.#threads.endIdle()));
    this.#idleEnded = true;
    this.#looking = false;
  }

  async #endLargest(): Promise<void> {
    const run = await largest(this.#runs.inThreads);
    if (run?.thread === undefined || !this.#isFull()) return;
    this.#runs.endForMemory(run, this.#rssMaxBytes);
    await within(goneMaxMs, run.thread.exited);
  }

  #isFull(): boolean {
    return process.memoryUsage.rss() > this.#rssMaxBytes;
  }
}

/** The last of those that hold most: runs are in order of their start. */
async function largest(runs: readonly Run[]): Promise<Run | undefined> {
  const sizes = await Promise.all(runs.map((run) => heldBytes(run)));
  let found: { readonly run: Run; readonly bytes: number } | undefined;
  for (const [index, run] of runs.entries()) {
    const bytes = sizes[index] ?? 0;
    if (found === undefined || bytes >= found.bytes) found = { run, bytes };
  }
  return found?.run;
}

/** Heap and buffers of its thread; a thread that does not answer counts as the largest. */
async function heldBytes({ thread }: Run): Promise<number> {
  if (thread === undefined) return 0;
  const asked = thread.worker.getHeapStatistics().then(
    (heap) => heap.used_heap_size + heap.external_memory,
    () => 0,
  );
  return (await within(answerMaxMs, asked)) ?? Infinity;
}

async function within<T>(maxMs: number, promise: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), maxMs);
  const first = await Promise.race([promise, late.promise]);
  clearTimeout(timer);
  return first;
}
