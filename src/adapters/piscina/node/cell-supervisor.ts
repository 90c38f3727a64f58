/**
 * Keeps one cell alive. It starts the cell, restarts it after a death (backoff 0.2 s doubling to 30 s), and accounts
 * for the runs that the cell held. While the cell is no longer fit, each pulse reports that, and the cell works until
 * it is drained.
 *   starting → up ⇄ down → closed        `drain`: no restart; closed when the last run has ended, or what is left is stuck
 */
import type { Clock, Logger } from '../../../application/ports/runtime.ts';
import type { RunEvent, RunOutcome } from '../../../application/ports/run-pool.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { newFitness, nextFitness, type UnfitReason } from './cell-fitness.ts';
import type { CellEvent, CellSetup, CellVitals, HandlerProblem, LoadedHandler } from '../protocol/cell-frames.ts';
import { lossesOf } from './cell-losses.ts';
import { CellProcess, describeExit, type CellExit } from './cell-process.ts';
import { maskedEvent, maskedOutcome } from './masked-events.ts';
import type { PoolRun, RunHome } from './pool-run.ts';
import { RestartPauses } from './restart-pauses.ts';
import { CellProfiles } from './run-profile.ts';
import type { ScratchCell } from './scratch-folder.ts';
import { scratchFull, ScratchWatch, type ScratchExcess } from './scratch-watch.ts';

export interface CellLoad {
  readonly handlers: readonly LoadedHandler[];
  readonly problems: readonly HandlerProblem[];
}

export interface CellSupervisorOptions {
  readonly setup: CellSetup;
  readonly env: Readonly<Record<string, string>>;
  readonly silenceMaxMs: number;
  /** Undefined if this node has no scratch folder. */
  readonly openScratch: () => ScratchCell | undefined;
  /** What its runs may write there, beside their inputs. */
  readonly cellScratchMaxBytes: number;
  /** Runs after which the cell is replaced; 0: never. */
  readonly runsMax: number;
  /**
   * How long other runs may go on in a draining cell that has a stuck run. After that they are lost, and run again
   * elsewhere.
   */
  readonly stuckDrainMaxMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRunEvent: (run: PoolRun, event: RunEvent) => void;
  readonly onDeath: (exit: CellExit) => void;
  /** The cell has more threads for runs than before. */
  readonly onRoom: () => void;
  /** Called with each pulse while the cell should be replaced. */
  readonly onUnfit: (supervisor: CellSupervisor, why: UnfitReason) => void;
}

export class CellSupervisor implements RunHome {
  readonly #options: CellSupervisorOptions;
  readonly #runs = new Map<string, PoolRun>();
  /** Files whose import killed the process. They are not imported again in this generation. */
  readonly #deadly: HandlerProblem[] = [];
  readonly #loaded = Promise.withResolvers<CellLoad>();
  readonly #profiles = new CellProfiles();
  readonly #pauses = new RestartPauses();
  #process: CellProcess | undefined;
  /** Of this process alone. */
  #scratch: ScratchWatch | undefined;
  #state: 'starting' | 'up' | 'down' | 'closed' = 'starting';
  #importing: string | undefined;
  /** Why the process gives up, as it said itself. */
  #failedFor: string | undefined;
  /** Runs that were accepted while the cell was not up. */
  #unsent: PoolRun[] = [];
  #upAtMs = 0;
  #stuck = 0;
  #cancelRestart: () => void = () => undefined;
  #cancelDrainEnd: (() => void) | undefined;
  #draining = false;
  #endedRuns = 0;
  #fitness = newFitness;
  #vitals: CellVitals | undefined;
  restarts = 0;

  constructor(options: CellSupervisorOptions) {
    this.#options = options;
    this.#loaded.promise.catch(() => undefined);
    this.#fork();
  }

  /** Resolves when the cell is up for the first time. Rejects when it cannot be started. */
  get loaded(): Promise<CellLoad> {
    return this.#loaded.promise;
  }
  get pid(): number | undefined {
    return this.#process?.pid;
  }
  get state(): 'starting' | 'up' | 'draining' | 'down' {
    if (this.#state === 'up' && this.#draining) return 'draining';
    return this.#state === 'closed' ? 'down' : this.#state;
  }
  get threads(): number {
    return this.#options.setup.threads;
  }
  get size(): number {
    return this.#runs.size;
  }
  /** The cell's last report. Undefined while the cell is not up, or has not reported yet. */
  get vitals(): CellVitals | undefined {
    return this.#state === 'up' ? this.#vitals : undefined;
  }
  get closed(): boolean {
    return this.#state === 'closed';
  }

  run(run: PoolRun): void {
    run.home = this;
    this.#runs.set(run.request.runId, run);
    if (this.#state === 'up') this.#process?.send({ kind: 'run', request: run.request });
    else this.#unsent.push(run);
  }

  cancel(run: PoolRun): void {
    const at = this.#unsent.indexOf(run);
    if (at < 0) {
      this.#process?.send({ kind: 'cancel', runId: run.request.runId });
    } else {
      this.#unsent.splice(at, 1);
      this.#end(run, { kind: 'released' }, 0);
    }
  }

  checkpointed({ request: { runId } }: PoolRun, number: number, saved: boolean): void {
    this.#process?.send({ kind: 'checkpointed', runId, number, saved });
  }

  /** Rejects with RUN_NOT_FOUND, PROFILE_BUSY or PAYLOAD_TOO_LARGE. */
  async profile({ request: { runId } }: PoolRun, durationMs: number): Promise<string> {
    const profile = this.#profiles.begin(runId);
    this.#process?.send({ kind: 'profile', runId, durationMs });
    return profile;
  }

  /**
   * Takes no more runs, and closes after the last one. Returns the runs that had not been sent: they belong to the
   * successor.
   */
  drain(): readonly PoolRun[] {
    this.#draining = true;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const run of unsent) this.#runs.delete(run.request.runId);
    if (this.#runs.size === 0) void this.close('drained');
    else this.#endStuck();
    return unsent;
  }

  /** Kills the process. Every run in it ends as `lost`. Resolves when the process is gone. */
  async close(why: string): Promise<void> {
    this.#draining = true;
    this.#cancelRestart();
    const last = this.#process;
    last?.kill(why);
    await last?.exited;
    this.#closeNow();
  }

  #closeNow(): void {
    this.#state = 'closed';
    this.#cancelDrainEnd?.();
    for (const run of this.#unsent.splice(0)) this.#end(run, { kind: 'released' }, 0);
    this.#endAll(false);
    this.#loaded.reject(new TroupeError('SHUTTING_DOWN'));
  }

  #fork(): void {
    this.#state = 'starting';
    this.#vitals = undefined;
    this.#importing = undefined;
    this.#failedFor = undefined;
    const { setup, env, silenceMaxMs, clock, log } = this.#options;
    const deadly = new Set(this.#deadly.map(({ url }) => url));
    this.#process = new CellProcess({
      setup: { ...setup, files: setup.files.filter((url) => !deadly.has(url)) },
      env,
      silenceMaxMs,
      clock,
      log,
      onEvent: (event) => this.#onEvent(event),
      onExit: (exit) => this.#onExit(exit),
    });
    const { openScratch, cellScratchMaxBytes: maxBytes } = this.#options;
    const onExceeded = (excess: ScratchExcess): void => this.#endForScratch(excess, maxBytes);
    this.#scratch = new ScratchWatch({ cell: openScratch(), maxBytes, clock, onExceeded });
  }

  /** The others run again, and it does not count against them. */
  #endForScratch(excess: ScratchExcess, maxBytes: number): void {
    this.#process?.kill('its scratch folder is full');
    for (const run of this.#runs.values()) {
      const outcome = scratchFull(run, excess, maxBytes);
      if (outcome !== undefined) this.#onStuck(run, outcome);
    }
  }

  #onEvent(event: CellEvent): void {
    switch (event.kind) {
      case 'importing':
        this.#importing = event.url;
        return;
      case 'up':
        this.#onUp(event);
        return;
      case 'failed':
        this.#failedFor = event.reason;
        this.#options.log.error({ pid: this.pid, reason: event.reason }, 'cell failed');
        return;
      case 'pulse':
        this.#onPulse(event.vitals);
        return;
      case 'profile-part':
      case 'profile-failed':
        this.#profiles.hear(event);
        return;
      case 'started':
      case 'progress':
      case 'log':
      case 'checkpoint':
      case 'ended':
      case 'stream-ask':
      case 'stuck': {
        const run = this.#runs.get(event.runId);
        if (run === undefined) return;
        if (event.kind === 'stuck') this.#onStuck(run, maskedOutcome(run.mask, event.outcome));
        else if (event.kind === 'stream-ask') void this.#answer(run, event);
        else this.#onRunEvent(run, maskedEvent(run.mask, event));
      }
    }
  }

  async #answer(run: PoolRun, { runId, number, ask }: Extract<CellEvent, { kind: 'stream-ask' }>): Promise<void> {
    const asking = this.#process;
    const answer = await run.pump.answer(ask, this.#scratch?.cell);
    if (ask.kind === 'secret' && answer.kind === 'secret') asking?.mask.addLatest(ask.name, answer.value);
    asking?.send({ kind: 'stream-answer', runId, number, answer });
  }

  #onRunEvent(run: PoolRun, event: RunEvent): void {
    switch (event.kind) {
      case 'started':
        // A run starts once. A thread can write to the pipe, and the run would count as two.
        if (run.startedAtMs !== undefined) return;
        run.startedAtMs = this.#options.clock.monotonicMs();
        break;
      case 'progress':
        run.fraction = event.fraction;
        run.note = run.request.hidesTexts === true ? '' : event.note;
        break;
      case 'ended':
        this.#ended(run, event);
        return;
      case 'log':
      case 'checkpoint':
        break;
    }
    this.#options.onRunEvent(run, event);
  }

  #onStuck(run: PoolRun, outcome: RunOutcome): void {
    if (run.stuckOutcome === undefined) this.#stuck += 1;
    run.stuckOutcome = outcome;
    this.#endStuck();
  }

  #onPulse(vitals: CellVitals): void {
    const fewerLeaked = vitals.leaked < (this.#vitals?.leaked ?? 0);
    this.#vitals = vitals;
    const { setup, clock, runsMax } = this.#options;
    const seen = { vitals, runs: this.#endedRuns, nowMs: clock.monotonicMs() };
    this.#fitness = nextFitness(this.#fitness, seen, { ...setup, runsMax });
    const { unfit } = this.#fitness;
    const ending = this.#draining || (this.#stuck > 0 && this.#stuck === this.#runs.size);
    if (this.#state === 'up' && !ending && unfit !== undefined) this.#options.onUnfit(this, unfit);
    if (fewerLeaked) this.#options.onRoom();
  }

  #onUp({ handlers, problems }: CellLoad): void {
    this.#state = 'up';
    this.#importing = undefined;
    this.#upAtMs = this.#options.clock.monotonicMs();
    this.#fitness = newFitness;
    this.#endedRuns = 0;
    this.#loaded.resolve({ handlers, problems: [...this.#deadly, ...problems] });
    for (const run of this.#unsent) this.#process?.send({ kind: 'run', request: run.request });
    this.#unsent = [];
    this.#options.onRoom();
  }

  #onExit(exit: CellExit): void {
    const wasUp = this.#state === 'up';
    this.#state = 'down';
    this.#profiles.abandon();
    this.#endAll((exit.killedFor === undefined || exit.ownFault) && wasUp);
    this.#scratch?.close();
    this.#options.onDeath(exit);
    if (this.#draining) {
      this.#closeNow();
      return;
    }
    if (!wasUp && this.#importing !== undefined) {
      this.#deadly.push({ url: this.#importing, reason: `its import killed the process (${describeExit(exit)})` });
      this.#fork();
      return;
    }
    this.#restartLater(wasUp ? this.#options.clock.monotonicMs() - this.#upAtMs : undefined, exit);
  }

  #restartLater(upForMs: number | undefined, exit: CellExit): void {
    const pauseMs = this.#pauses.next(upForMs);
    if (pauseMs === undefined) {
      const message = `a cell process cannot be started: ${this.#failedFor ?? describeExit(exit)}`;
      this.#loaded.reject(new TroupeError('INTERNAL_ERROR', { message }));
      this.#closeNow();
      return;
    }
    this.restarts += 1;
    this.#cancelRestart = this.#options.clock.setTimer(pauseMs, () => this.#fork());
  }

  /**
   * A stuck run ends only with the process. We kill the process at once when nothing else is left in it. If it drains,
   * we wait for the other runs, but no longer than `stuckDrainMaxMs`.
   */
  #endStuck(): void {
    if (this.#stuck === 0) return;
    const kill = (): void => this.#process?.kill('a thread could not be ended');
    if (this.#stuck === this.#runs.size) kill();
    else if (this.#draining) this.#cancelDrainEnd ??= this.#options.clock.setTimer(this.#options.stuckDrainMaxMs, kill);
  }

  /** Every run that was sent to the process is lost with it. */
  #endAll(died: boolean): void {
    const unsent = new Set(this.#unsent);
    const sent = [...this.#runs.values()].filter((run) => !unsent.has(run));
    const nowMs = this.#options.clock.monotonicMs();
    for (const { run, outcome } of lossesOf(sent, { died, threads: this.threads })) {
      this.#end(run, outcome, run.startedAtMs === undefined ? 0 : nowMs - run.startedAtMs);
    }
  }

  #end(run: PoolRun, outcome: RunOutcome, durationMs: number): void {
    this.#ended(run, { kind: 'ended', runId: run.request.runId, outcome, durationMs });
  }

  #ended(run: PoolRun, event: Extract<RunEvent, { kind: 'ended' }>): void {
    this.#runs.delete(event.runId);
    this.#endedRuns += 1;
    if (run.stuckOutcome !== undefined) this.#stuck -= 1;
    this.#options.onRunEvent(run, event);
    if (this.#draining && this.#runs.size === 0) void this.close('drained');
    else if (this.#state === 'up') this.#endStuck();
  }
}
