/**
 * Runs that were in a cell when it died: each runs alone in a cell of its own, so that the innocent are cleared and the
 * culprit is convicted. The cell is started when needed and ended when it has been idle for a while.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { CellKeeper } from './cell-keeper.ts';
import type { PoolRun } from './pool-run.ts';

const idleMaxMs = 30_000;

export class Quarantine {
  readonly #clock: Clock;
  readonly #open: () => CellKeeper | undefined;
  readonly #waiting: PoolRun[] = [];
  #keeper: CellKeeper | undefined;
  #current: PoolRun | undefined;
  #cancelIdle: () => void = () => undefined;

  constructor(options: { readonly clock: Clock; readonly open: () => CellKeeper | undefined }) {
    this.#clock = options.clock;
    this.#open = options.open;
  }

  get size(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }
  get keeper(): CellKeeper | undefined {
    return this.#keeper;
  }

  run(run: PoolRun): void {
    this.#waiting.push(run);
    this.#next();
  }

  /** True when it only waited and is out now. */
  withdraw(run: PoolRun): boolean {
    const at = this.#waiting.indexOf(run);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  cancel(run: PoolRun): void {
    if (run === this.#current) this.#keeper?.cancel(run);
  }

  ended(run: PoolRun): void {
    if (run !== this.#current) return;
    this.#current = undefined;
    this.#next();
  }

  /** New code: the cell is ended once it is free, the next suspect gets a new one. */
  retire(): void {
    for (const unsent of this.#keeper?.drain() ?? []) {
      this.#waiting.unshift(unsent);
      this.#current = undefined;
    }
    this.#keeper = undefined;
    this.#next();
  }

  async close(why: string): Promise<readonly PoolRun[]> {
    this.#cancelIdle();
    const waiting = this.#waiting.splice(0);
    await this.#keeper?.close(why);
    return waiting;
  }

  #next(): void {
    this.#cancelIdle();
    if (this.#current !== undefined) return;
    const run = this.#waiting.shift();
    if (run === undefined) {
      this.#cancelIdle = this.#clock.setTimer(idleMaxMs, () => this.retire());
      return;
    }
    if (this.#keeper === undefined || this.#keeper.closed) this.#keeper = this.#open();
    this.#current = run;
    this.#keeper?.run(run);
  }
}
