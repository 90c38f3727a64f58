/**
 * Runs that were in a cell when it died. Each of them runs alone in a separate cell, so that the innocent are cleared
 * and the culprit is convicted. That cell is started when it is needed, and ended when it has been idle for a while.
 */
import type { Clock } from '../../../application/ports/runtime.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { CellSupervisor } from './cell-supervisor.ts';
import type { PoolRun, RunHome } from './pool-run.ts';

const idleMaxMs = 30_000;

export interface IsolatedRunsOptions {
  readonly clock: Clock;
  readonly open: () => CellSupervisor | undefined;
  /** A run was cancelled while it waited. */
  readonly onWithdrawn: (run: PoolRun) => void;
}

export class IsolatedRuns implements RunHome {
  /** Waiting runs have no process. */
  readonly pid = undefined;
  readonly vitals = undefined;
  readonly #options: IsolatedRunsOptions;
  readonly #waiting: PoolRun[] = [];
  #supervisor: CellSupervisor | undefined;
  #current: PoolRun | undefined;
  #cancelIdle: () => void = () => undefined;

  constructor(options: IsolatedRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  run(run: PoolRun): void {
    run.home = this;
    this.#waiting.push(run);
    this.#next();
  }

  /** Cancels a run that waits here. The run in the cell is cancelled by its cell. */
  cancel(run: PoolRun): void {
    const at = this.#waiting.indexOf(run);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#options.onWithdrawn(run);
  }

  checkpointed(): void {
    throw new Error('invariant broken: a run that waits has saved nothing');
  }

  profile(): Promise<string> {
    return Promise.reject(new TroupeError('RUN_NOT_FOUND'));
  }

  ended(run: PoolRun): void {
    if (run !== this.#current) return;
    this.#current = undefined;
    this.#next();
  }

  /** There is new code: the cell ends once it is free, and the next suspect gets a new one. */
  retire(): void {
    for (const unsent of this.#supervisor?.drain() ?? []) {
      unsent.home = this;
      this.#waiting.unshift(unsent);
      this.#current = undefined;
    }
    this.#supervisor = undefined;
    this.#next();
  }

  async close(why: string): Promise<readonly PoolRun[]> {
    this.#cancelIdle();
    const waiting = this.#waiting.splice(0);
    await this.#supervisor?.close(why);
    return waiting;
  }

  #next(): void {
    this.#cancelIdle();
    if (this.#current !== undefined) return;
    const run = this.#waiting.shift();
    if (run === undefined) {
      this.#cancelIdle = this.#options.clock.setTimer(idleMaxMs, () => this.retire());
      return;
    }
    if (this.#supervisor === undefined || this.#supervisor.closed) this.#supervisor = this.#options.open();
    this.#current = run;
    this.#supervisor?.run(run);
  }
}
