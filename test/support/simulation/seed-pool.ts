/**
 * Seeds in order over several threads. A thread has one seed at a time, so that it is known which one it was on when it
 * dies or hangs: that seed has failed, and another thread goes on with the next. A stop lets what runs end first: every
 * seed below `next` was run, none from there on.
 */
import type { Worker } from 'node:worker_threads';

/** What a thread says of the seed it was given. */
export interface SeedAnswer {
  readonly violations: readonly string[];
  readonly runs: number;
  readonly jobs: number;
  readonly virtualMs: number;
  readonly settledMs: number;
  /** In use by the thread, garbage too. */
  readonly heapBytes: number;
}

export interface SeedPoolOptions {
  readonly first: number;
  readonly last: number;
  readonly workers: number;
  readonly startWorker: () => Worker;
  readonly onFailed: (seed: number, violations: readonly string[]) => void;
  /** A thread that says nothing of its seed for so long hangs. */
  readonly patienceMs: number;
  /** A broken build fails everywhere: enough seeds are named. */
  readonly failuresMax: number;
}

export interface SeedTally {
  seeds: number;
  readonly failed: number[];
  runs: number;
  jobs: number;
  virtualMs: number;
  slowestSettleMs: number;
  /** The most that a thread had in use lately. */
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

  /** The first seed that nobody has run. */
  get next(): number {
    return this.#next;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#lane()));
  }

  /** One thread after the other, as they die; most often one. */
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
    // What goes wrong in a thread between two seeds shows at the next; unheard, it would end the process.
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
