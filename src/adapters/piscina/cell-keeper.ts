/**
 * Keeps one cell alive: starts it, starts it again after a death (backoff 0.2 s doubling to 30 s), and accounts for the
 * runs it held. Runs that a dead cell held end as `lost`: one that was alone in it is convicted, those that may have been
 * in a thread are suspects, the rest only waited.
 *   starting → up ⇄ down → closed        `drain`: no restart, closed when its last run has ended
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { CellEvent, CellSetup, CellVitals, HandlerProblem, LoadedHandler, ProfileEvent } from './cell-frames.ts';
import { heldEndsMax } from './cell-outbox.ts';
import { CellProcess, type CellExit } from './cell-process.ts';
import { CellProfiles } from './run-profile.ts';
import { commandOf, type PoolRun } from './pool-run.ts';

const backoffMinMs = 200;
const backoffMaxMs = 30_000;
/** Up this long, a cell has earned a fast restart. */
const healthyAfterMs = 60_000;
/** Deaths without ever having been up, after which the first start is given up. */
const firstStartsMax = 5;

export interface CellLoad {
  readonly handlers: readonly LoadedHandler[];
  readonly problems: readonly HandlerProblem[];
}

export interface CellKeeperOptions {
  readonly setup: CellSetup;
  readonly env: Readonly<Record<string, string>>;
  readonly silenceMaxMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onStarted: (run: PoolRun) => void;
  readonly onProgress: (run: PoolRun, fraction: number, note: string) => void;
  readonly onLog: (run: PoolRun, level: 'debug' | 'info' | 'warn' | 'error', text: string) => void;
  readonly onEnded: (run: PoolRun, outcome: RunOutcome, durationMs: number) => void;
  readonly onDeath: (exit: CellExit) => void;
  readonly onUp: () => void;
}

export class CellKeeper {
  readonly #options: CellKeeperOptions;
  readonly #runs = new Map<number, PoolRun>();
  /** Files whose import killed the process; not imported again in this generation. */
  readonly #deadly: HandlerProblem[] = [];
  readonly #loaded = Promise.withResolvers<CellLoad>();
  readonly #profiles = new CellProfiles();
  #process: CellProcess | undefined;
  #vitals: CellVitals | undefined;
  #state: 'starting' | 'up' | 'down' | 'closed' = 'starting';
  #importing: string | undefined;
  /** Accepted while the cell was not up. */
  #unsent: PoolRun[] = [];
  #everUp = false;
  #upAtMs = 0;
  #backoffMs = backoffMinMs;
  #failedStarts = 0;
  #cancelRestart: () => void = () => undefined;
  #draining = false;
  restarts = 0;

  constructor(options: CellKeeperOptions) {
    this.#options = options;
    this.#loaded.promise.catch(() => undefined);
    this.#fork();
  }

  /** Resolves when the cell is up for the first time; rejects when it cannot be started. */
  get loaded(): Promise<CellLoad> {
    return this.#loaded.promise;
  }
  get pid(): number | undefined {
    return this.#process?.pid;
  }
  get state(): 'starting' | 'up' | 'down' {
    return this.#state === 'closed' ? 'down' : this.#state;
  }
  get threads(): number {
    return this.#options.setup.threads;
  }
  get size(): number {
    return this.#runs.size;
  }
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** As the cell last told; undefined while it is not up, or has not told yet. */
  get vitals(): CellVitals | undefined {
    return this.#state === 'up' ? this.#vitals : undefined;
  }

  run(run: PoolRun): void {
    this.#runs.set(run.key, run);
    if (this.#state === 'up') this.#process?.send(commandOf(run));
    else this.#unsent.push(run);
  }

  cancel(run: PoolRun): void {
    const at = this.#unsent.indexOf(run);
    if (at < 0) {
      this.#process?.send({ kind: 'cancel', key: run.key });
    } else {
      this.#unsent.splice(at, 1);
      this.#end(run, { kind: 'stopped' }, 0);
    }
  }

  /** Rejects with RUN_NOT_FOUND, PROFILE_BUSY, PAYLOAD_TOO_LARGE. */
  async profile(run: PoolRun, durationMs: number): Promise<string> {
    const profile = this.#profiles.begin(run.key);
    this.#process?.send({ kind: 'profile', key: run.key, durationMs });
    return profile;
  }

  /** No new runs; closes after the last one. Returns those that had not been sent: they belong to the successor. */
  drain(): readonly PoolRun[] {
    this.#draining = true;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const run of unsent) this.#runs.delete(run.key);
    if (this.#runs.size === 0) void this.close('drained');
    return unsent;
  }

  /** Ends the process, and with it every run, as `lost`. Resolves when it is gone. */
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
    this.#unsent = [];
    this.#endAll(undefined);
    this.#loaded.reject(new TroupeError('SHUTTING_DOWN'));
  }

  #fork(): void {
    this.#state = 'starting';
    this.#vitals = undefined;
    this.#importing = undefined;
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
        this.#options.log.error({ pid: this.pid, reason: event.reason }, 'cell cannot work');
        return;
      case 'pulse':
        this.#vitals = event.vitals;
        return;
      case 'profile-part':
      case 'profile-failed':
        this.#profiles.hear(event);
        return;
      case 'started':
      case 'progress':
      case 'log':
      case 'ended':
      case 'stuck':
        this.#onRunEvent(event);
    }
  }

  #onRunEvent(event: Exclude<Extract<CellEvent, { readonly key: number }>, ProfileEvent>): void {
    const run = this.#runs.get(event.key);
    if (run === undefined) return;
    switch (event.kind) {
      case 'started':
        run.startedAtMs = this.#options.clock.monotonicMs();
        this.#options.onStarted(run);
        return;
      case 'progress':
        run.fraction = event.fraction;
        run.note = event.note;
        this.#options.onProgress(run, event.fraction, event.note);
        return;
      case 'log':
        this.#options.onLog(run, event.level, event.text);
        return;
      case 'ended':
        this.#end(run, ownOutput(event.outcome), event.durationMs);
        return;
      case 'stuck':
        run.stuckOutcome = event.outcome;
        this.#process?.kill('a thread could not be ended');
    }
  }

  #onUp({ handlers, problems }: CellLoad): void {
    this.#state = 'up';
    this.#everUp = true;
    this.#importing = undefined;
    this.#upAtMs = this.#options.clock.monotonicMs();
    this.#loaded.resolve({ handlers, problems: [...this.#deadly, ...problems] });
    for (const run of this.#unsent) this.#process?.send(commandOf(run));
    this.#unsent = [];
    this.#options.onUp();
  }

  #onExit(exit: CellExit): void {
    const wasUp = this.#state === 'up';
    this.#state = 'down';
    this.#profiles.abandon();
    this.#endAll(exit.killedFor === undefined && wasUp ? 'alone' : undefined);
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
    this.#restartLater(wasUp, exit);
  }

  #restartLater(wasUp: boolean, exit: CellExit): void {
    const { clock } = this.#options;
    this.#failedStarts = wasUp ? 0 : this.#failedStarts + 1;
    if (!this.#everUp && this.#failedStarts >= firstStartsMax) {
      const message = `a cell process cannot be started: ${describeExit(exit)}`;
      this.#loaded.reject(new TroupeError('INTERNAL_ERROR', { message }));
      this.#closeNow();
      return;
    }
    if (wasUp && clock.monotonicMs() - this.#upAtMs >= healthyAfterMs) this.#backoffMs = backoffMinMs;
    this.restarts += 1;
    this.#cancelRestart = clock.setTimer(this.#backoffMs, () => this.#fork());
    this.#backoffMs = Math.min(backoffMaxMs, this.#backoffMs * 2);
  }

  /** Every run that had been sent is lost with its process. */
  #endAll(conviction: 'alone' | undefined): void {
    const unsent = new Set(this.#unsent);
    const sent = [...this.#runs.values()].filter((run) => !unsent.has(run));
    const died = conviction === 'alone';
    const convicted = died && sent.length === 1;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [place, run] of sent.entries()) {
      // A cell takes runs in order, and its word that some have ended and others begun may have died with it.
      const suspect = died && !convicted && (run.startedAtMs !== undefined || place < this.threads + heldEndsMax);
      const durationMs = run.startedAtMs === undefined ? 0 : nowMs - run.startedAtMs;
      this.#end(run, run.stuckOutcome ?? { kind: 'lost', convicted, ...(suspect && { suspect }) }, durationMs);
    }
  }

  #end(run: PoolRun, outcome: RunOutcome, durationMs: number): void {
    this.#runs.delete(run.key);
    this.#options.onEnded(run, outcome, durationMs);
    if (this.#draining && this.#runs.size === 0) void this.close('drained');
  }
}

export function describeExit(exit: CellExit): string {
  if (exit.killedFor !== undefined) return `ended by its parent: ${exit.killedFor}`;
  return exit.signal === null ? `exit code ${exit.code ?? 'unknown'}` : `signal ${exit.signal}`;
}

/** Bytes that came in a frame are a view into it; a small output must not keep a large frame alive. */
function ownOutput(outcome: RunOutcome): RunOutcome {
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'bytes') return outcome;
  return { kind: 'succeeded', output: { kind: 'bytes', bytes: new Uint8Array(outcome.output.bytes) } };
}
