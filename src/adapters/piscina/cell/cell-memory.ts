/**
 * Keeps the process of a cell within its memory. Heap limits do not count ArrayBuffers, so the resident memory of the
 * process is watched. Past the bound the idle threads are ended, once, with what runs may have left in them; if that does
 * not help, and it is no garbage, the run that holds most is, before the kernel ends something of its own choice. One at a
 * time: the next look is after that thread is gone. Where the runs hold too little to be the reason, none is ended: the
 * parent sees the memory in the pulses, and replaces the cell.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CellThreads } from './cell-threads.ts';
import type { CellRuns } from './cell-runs.ts';
import type { Run } from './cell-run.ts';
import { culpritOf } from './memory-culprit.ts';

const lookEveryMs = 100;
/** A thread in native code does not answer; it is taken to be the one, the newest if there are more. */
const answerMaxMs = 250;
const goneMaxMs = 1_000;

// Of the main thread alone: it is idle when its threads work, and an idle heap is not collected.
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

/** Heap and buffers of its thread; a thread that does not answer counts as the largest. */
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
