/**
 * Keeps the process of a cell within its memory bound. Heap limits do not count ArrayBuffers, so we watch the resident
 * memory of the process. When it exceeds the bound, we first end the idle threads, once, because earlier runs may have
 * left memory in them. If that does not help, and garbage collection does not either, we end the run that holds most,
 * before the kernel kills something of its own choice. We end one run at a time: the next check waits until that thread
 * is gone. If the runs hold too little to be the cause, we end none. The parent then sees the memory in the pulses and
 * replaces the cell.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CellThreads } from './cell-threads.ts';
import type { CellRuns } from './cell-runs.ts';
import type { Run } from './cell-run.ts';
import { culpritOf } from './memory-culprit.ts';

const lookEveryMs = 100;
/**
 * A thread in native code does not answer in time, so we assume that it holds most. Of several such threads we end the
 * newest.
 */
const answerMaxMs = 250;
const goneMaxMs = 1_000;

// This collects the heap of the main thread only. V8 does not collect an idle heap, and the main thread is idle while
// its threads work.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
setFlagsFromString('--no-expose-gc');

export class CellMemory {
  readonly #runs: CellRuns;
  readonly #threads: CellThreads;
  readonly #rssMaxBytes: number;
  #looking = false;
  #idleEnded = false;
  #leftBytes = 0;

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
    if (this.#rssBytes() <= this.#rssMaxBytes) {
      this.#idleEnded = false;
      this.#leftBytes = 0;
      return;
    }
    this.#looking = true;
    if (this.#idleEnded) await this.#endLargest();
    else await within(goneMaxMs, Promise.all(this.#threads.endIdle()));
    this.#idleEnded = true;
    this.#looking = false;
  }

  async #endLargest(): Promise<void> {
    collectGarbage();
    const runs = this.#runs.inThreads;
    const heldBytes = await Promise.all(runs.map((run) => held(run)));
    const [rssMaxBytes, leftBytes] = [this.#rssMaxBytes, this.#leftBytes];
    const culprit = culpritOf(heldBytes, { rssBytes: this.#rssBytes(), rssMaxBytes, leftBytes });
    const run = culprit === undefined ? undefined : runs[culprit];
    if (run?.thread === undefined) return;
    this.#runs.endForMemory(run, rssMaxBytes);
    await within(goneMaxMs, run.thread.exited);
    this.#leftBytes = this.#rssBytes();
  }

  #rssBytes(): number {
    return process.memoryUsage.rss();
  }
}

/** Heap and buffers of the run's thread. A thread that does not answer counts as the largest. */
async function held({ thread }: Run): Promise<number> {
  if (thread === undefined) return 0;
  const asked = thread.native.getHeapStatistics().then(
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
