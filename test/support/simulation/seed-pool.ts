/**
 * Runs seeds in order on several threads. Each thread has one seed at a time, so that the failing seed is known when a
 * thread dies or hangs. Another thread then continues with the next seed. A stop lets running seeds finish: every seed
 * below `next` was run, and none from there on.
 */
import type { Worker } from 'node:worker_threads';

/** A thread's answer about its seed. */
export interface SeedAnswer {
  readonly violations: readonly string[];
  readonly runs: number;
  readonly jobs: number;
  readonly virtualMs: number;
  readonly settledMs: number;
  /** Heap in use by the thread, including garbage. */
  readonly heapBytes: number;
}

export interface SeedPoolOptions {
  readonly first: number;
  readonly last: number;
  readonly workers: number;
  readonly startWorker: () => Worker;
  readonly onFailed: (seed: number, violations: readonly string[]) => void;
  /** A thread that does not answer for this long is considered hung. */
  readonly patienceMs: number;
  /** After this many failures no more seeds are run, because a broken build fails everywhere. */
  readonly failuresMax: number;
}

export interface SeedTally {
  seeds: number;
  readonly failed: number[];
  runs: number;
  jobs: number;
  virtualMs: number;
  slowestSettleMs: number;
  /** Highest heap that a thread reported recently. */
  heapBytes: number;
}

export class SeedPool {
  readonly tally: SeedTally = {
    seeds: 0,
    failed: [],
    runs: 0,
    jobs: 0,
    virtualMs: 0,
    slowestSettleMs: 0,
    heapBytes: 0,
  };
  readonly #options: SeedPoolOptions;
  #next: number;
  #isStopped = false;

  constructor(options: SeedPoolOptions) {
    this.#options = options;
    this.#next = options.first;
  }

  /** The first seed that was not run. */
  get next(): number {
    return this.#next;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#lane()));
  }

  /** Uses one thread after the other, as they die. Usually one is enough. */
  async #lane(): Promise<void> {
    let worker: Worker | undefined;
    try {
      for (let seed = this.#take(); seed !== undefined; seed = this.#take()) {
        worker ??= this.#startWorker();
        const answer = await this.#ask(worker, seed);
        if ('died' in answer) {
          this.#failed(seed, [`the thread that ran it ${answer.died}`]);
          await worker.terminate();
          worker = undefined;
        } else this.#ended(seed, answer);
      }
    } finally {
      await worker?.terminate();
    }
  }

  #startWorker(): Worker {
    // An error between two seeds shows at the next seed. Without this listener it would end the process.
    return this.#options.startWorker().on('error', () => undefined);
  }

  #take(): number | undefined {
    if (this.#isStopped || this.#next > this.#options.last) return undefined;
    this.#next += 1;
    return this.#next - 1;
  }

  #ask(worker: Worker, seed: number): Promise<SeedAnswer | { readonly died: string }> {
    return new Promise((resolve) => {
      const settle = (answer: SeedAnswer | { readonly died: string }): void => {
        clearTimeout(hung);
        worker.off('message', settle).off('error', died).off('exit', ended);
        resolve(answer);
      };
      const hung = setTimeout(() => {
        settle({ died: `said nothing for ${this.#options.patienceMs / 1_000} s` });
      }, this.#options.patienceMs);
      const died = (error: unknown): void => {
        settle({ died: `died of ${error instanceof Error ? error.message : String(error)}` });
      };
      const ended = (code: number): void => {
        settle({ died: `ended with exit code ${code}` });
      };
      worker.on('message', settle).on('error', died).on('exit', ended);
      worker.postMessage(seed);
    });
  }

  #ended(seed: number, { violations, runs, jobs, virtualMs, settledMs, heapBytes }: SeedAnswer): void {
    const { tally } = this;
    tally.runs += runs;
    tally.jobs += jobs;
    tally.virtualMs += virtualMs;
    tally.slowestSettleMs = Math.max(tally.slowestSettleMs, settledMs);
    tally.heapBytes = heapBytes;
    if (violations.length > 0) this.#failed(seed, violations);
    else tally.seeds += 1;
  }

  #failed(seed: number, violations: readonly string[]): void {
    const { tally } = this;
    tally.seeds += 1;
    tally.failed.push(seed);
    this.#options.onFailed(seed, violations);
    if (tally.failed.length >= this.#options.failuresMax) this.stop();
  }
}
