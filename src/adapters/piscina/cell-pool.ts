/**
 * `RunPool` over cells: forked processes with Piscina threads. This process never imports handler code.
 * Invariants: a run accepted ends exactly once; none is handed to Piscina before a thread is free; `capacity()` is what
 * the threads can take now plus a look-ahead measured in time.
 */
import type {
  RunEvents,
  RunOutcome,
  RunPool,
  RunPoolStats,
  RunRequest,
  RunView,
} from '../../application/ports/run-pool.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { HandlerProblem } from './cell-frames.ts';
import { CellGeneration } from './cell-generation.ts';
import { describeExit, type CellKeeper, type CellKeeperOptions } from './cell-keeper.ts';
import { readHandlerFiles, type HandlerFiles } from './handler-files.ts';
import { HandlerWatch } from './handler-watch.ts';
import { LookAhead, lookAheadMaxRuns } from './look-ahead.ts';
import { cellMeasures, type CellMeasures } from './cell-measures.ts';
import type { PoolRun } from './pool-run.ts';
import { cellStats, runView } from './pool-views.ts';
import { checkProfile } from './run-profile.ts';
import { Quarantine } from './quarantine.ts';

const keyMax = 2 ** 30;

export interface CellPoolOptions {
  readonly handlerDirs: readonly string[];
  /** Over all cells. */
  readonly threads: number;
  /** Work kept ready beyond the free threads; default 200. */
  readonly lookaheadMs?: number;
  /** Heap of a thread, unless a handler asks for more; default 512. */
  readonly memoryMb?: number;
  /** From a request to stop until the thread is ended, unless a handler says otherwise; default 1,000. */
  readonly cancelGraceMs?: number;
  /** A cell that says nothing for this long is ended; default 10,000. It says something every second. */
  readonly silenceMaxMs?: number;
  /** Processes the threads are spread over; default 1. */
  readonly cells?: number;
  /** Environment of the cells; threads get none. Default none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Reload handlers when their files change; default true. */
  readonly watch?: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export function createCellPool(options: CellPoolOptions): RunPool {
  return new CellPool(options);
}

interface Placed {
  readonly run: PoolRun;
  keeper: CellKeeper | 'quarantine';
}

class CellPool implements RunPool {
  readonly #options: CellPoolOptions;
  readonly #log: Logger;
  readonly #lookAhead: LookAhead;
  readonly #measures: CellMeasures;
  readonly #quarantine: Quarantine;
  readonly #watch: HandlerWatch;
  readonly #runs = new Map<string, Placed>();
  readonly #listeners = new Set<(manifests: readonly HandlerManifest[]) => void>();
  /** Those that drain, and one that is being tried. */
  readonly #others = new Set<CellGeneration>();
  #events: RunEvents | undefined;
  #generation: CellGeneration | undefined;
  #nextKey = 1;
  #busy = 0;
  #stopping: Promise<void> | undefined;
  #reloading = false;
  #reloadAgain = false;
  #onEmpty: () => void = () => undefined;

  constructor(options: CellPoolOptions) {
    this.#options = options;
    this.#log = options.log.child({ component: 'cells' });
    this.#lookAhead = new LookAhead({ threads: options.threads, lookaheadMs: options.lookaheadMs ?? 200 });
    this.#measures = cellMeasures(options.telemetry);
    this.#quarantine = new Quarantine({ clock: options.clock, open: () => this.#generation?.quarantine() });
    this.#watch = new HandlerWatch({ clock: options.clock, onChange: () => void this.#reload() });
  }

  async start(events: RunEvents): Promise<readonly HandlerManifest[]> {
    this.#events = events;
    const files = await readHandlerFiles(this.#options.handlerDirs);
    const generation = this.#open(files);
    this.#generation = generation;
    try {
      const { problems } = await generation.load();
      for (const problem of problems) this.#report(problem);
    } catch (error) {
      await generation.close('stopping');
      throw error;
    }
    if (this.#options.watch !== false) this.#watch.follow(files.folders);
    return generation.manifests;
  }

  run(request: RunRequest): void {
    const limit = this.#options.threads + lookAheadMaxRuns;
    if (this.#stopping !== undefined) throw new TroupeError('SHUTTING_DOWN');
    if (this.#runs.size >= limit) throw new TroupeError('MAILBOX_FULL', { metadata: { limit: String(limit) } });
    const run: PoolRun = {
      key: this.#nextKey,
      request,
      startedAtMs: undefined,
      fraction: 0,
      note: '',
      stuckOutcome: undefined,
    };
    this.#nextKey = (this.#nextKey % keyMax) + 1;
    const keeper = this.#generation?.choose();
    if (keeper === undefined || this.#generation?.knows(request.handler) !== true) {
      this.#refuse(run);
    } else if (request.suspect) {
      this.#runs.set(request.runId, { run, keeper: 'quarantine' });
      this.#quarantine.run(run);
    } else {
      this.#runs.set(request.runId, { run, keeper });
      keeper.run(run);
    }
  }

  capacity(): number {
    const threads = this.#stopping === undefined ? (this.#generation?.threadsUp() ?? 0) : 0;
    if (threads === 0) return 0;
    // The run in quarantine has a thread of its own; suspects that wait for it count like any other run.
    const apart = this.#quarantine.size > 0 ? 1 : 0;
    return this.#lookAhead.room(threads, this.#runs.size - apart);
  }

  cancel(runId: string): void {
    const placed = this.#runs.get(runId);
    if (placed === undefined) return;
    if (placed.keeper !== 'quarantine') placed.keeper.cancel(placed.run);
    else if (this.#quarantine.withdraw(placed.run)) this.#onEnded(placed.run, { kind: 'stopped' }, 0);
    else this.#quarantine.cancel(placed.run);
  }

  stats(): RunPoolStats {
    const keepers = [...(this.#generation?.keepers ?? []), ...[...this.#others].flatMap(({ keepers }) => keepers)];
    if (this.#quarantine.keeper !== undefined) keepers.push(this.#quarantine.keeper);
    return {
      threads: this.#options.threads,
      busy: this.#busy,
      waiting: this.#runs.size - this.#busy,
      cells: keepers.filter((keeper) => !keeper.closed).map(cellStats),
    };
  }

  runs(): readonly RunView[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#runs.values()].map(({ run, keeper }) =>
      runView(run, keeper === 'quarantine' ? this.#quarantine.keeper : keeper, nowMs),
    );
  }

  async profile(runId: string, { durationMs }: { readonly durationMs: number }): Promise<string> {
    checkProfile(durationMs);
    const placed = this.#runs.get(runId);
    const keeper = placed?.keeper === 'quarantine' ? this.#quarantine.keeper : placed?.keeper;
    if (placed?.run.startedAtMs === undefined || keeper === undefined) throw new TroupeError('RUN_NOT_FOUND');
    return keeper.profile(placed.run, durationMs);
  }

  onManifests(listener: (manifests: readonly HandlerManifest[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#watch.close();
    if (this.#runs.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const cancelTimer = this.#options.clock.setTimer(graceMs, resolve);
        this.#onEmpty = () => {
          cancelTimer();
          resolve();
        };
      });
    }
    const waiting = await this.#quarantine.close('stopping');
    for (const run of waiting) this.#onEnded(run, { kind: 'lost', convicted: false }, 0);
    const generations = this.#generation === undefined ? [] : [this.#generation];
    await Promise.all([...generations, ...this.#others].map((generation) => generation.close('stopping')));
  }

  #open(files: HandlerFiles): CellGeneration {
    const { threads, cells = 1, memoryMb = 512, cancelGraceMs = 1_000 } = this.#options;
    const { waitMaxMs, gatherMs } = this.#lookAhead;
    const keeper = this.#keeperOptions();
    return new CellGeneration({ files, threads, cells, memoryMb, cancelGraceMs, waitMaxMs, gatherMs, keeper });
  }

  #keeperOptions(): Omit<CellKeeperOptions, 'setup'> {
    return {
      env: this.#options.env ?? {},
      silenceMaxMs: this.#options.silenceMaxMs ?? 10_000,
      clock: this.#options.clock,
      log: this.#log,
      onStarted: (run) => {
        this.#busy += 1;
        this.#events?.started(run.request.runId);
      },
      onProgress: (run, fraction, note) => this.#events?.progress(run.request.runId, fraction, note),
      onLog: (run, level, text) => this.#events?.log(run.request.runId, level, text),
      onEnded: (run, outcome, durationMs) => this.#onEnded(run, outcome, durationMs),
      onUp: () => this.#events?.room?.(),
      onDeath: (exit) => {
        this.#measures.cellExits.add(1, { cause: exit.killedFor === undefined ? 'died' : 'killed' });
        if (exit.killedFor === 'drained' || exit.killedFor === 'stopping') return;
        const lines = exit.lastLines.slice(-5);
        this.#log.error({ why: describeExit(exit), exitCode: exit.code, signal: exit.signal, lines }, 'cell died');
      },
    };
  }

  #onEnded(run: PoolRun, outcome: RunOutcome, durationMs: number): void {
    this.#runs.delete(run.request.runId);
    if (run.startedAtMs !== undefined) {
      this.#busy -= 1;
      this.#lookAhead.observe(durationMs);
    }
    if (outcome.kind === 'returned') this.#lookAhead.forget();
    const kind = outcome.kind === 'failed' ? outcome.failure.reason : outcome.kind;
    this.#measures.runs.add(1, { outcome: kind });
    this.#measures.runDuration.observe(durationMs / 1_000);
    this.#quarantine.ended(run);
    this.#events?.ended(run.request.runId, outcome, durationMs);
    if (this.#runs.size === 0) this.#onEmpty();
  }

  /** A reload took the handler away after the node had claimed it. Not from inside `run`: callers expect news later. */
  #refuse(run: PoolRun): void {
    setImmediate(() => this.#events?.ended(run.request.runId, { kind: 'returned' }, 0));
  }

  #report({ url, reason }: HandlerProblem): void {
    this.#log.error({ file: url, reason }, 'handler file not loaded');
  }

  /** One at a time; what changes meanwhile is looked at afterwards. */
  async #reload(): Promise<void> {
    this.#reloadAgain = true;
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#reloadAgain && this.#stopping === undefined) {
      this.#reloadAgain = false;
      await this.#reloadOnce().catch((error: unknown) => {
        this.#log.error({ err: error }, 'handlers not reloaded');
      });
    }
    this.#reloading = false;
  }

  async #reloadOnce(): Promise<void> {
    const files = await readHandlerFiles(this.#options.handlerDirs);
    this.#watch.follow(files.folders);
    const old = this.#generation;
    if (old === undefined || files.digest === old.files.digest) return;
    for (const other of this.#others) if (other.closed) this.#others.delete(other);
    const next = this.#open(files);
    this.#others.add(next);
    const { problems } = await next.load();
    for (const problem of problems) this.#report(problem);
    const broken = problems.filter(({ url }) => old.handlers.some((handler) => handler.url === url));
    if (broken.length > 0 || this.#stopping !== undefined) {
      await next.close('drained');
      const broke = broken.map(({ url }) => url);
      this.#log.error({ files: broke }, 'handlers not reloaded: a file that worked is broken; the old code stays');
      return;
    }
    this.#switchTo(next, old);
  }

  #switchTo(next: CellGeneration, old: CellGeneration): void {
    this.#generation = next;
    this.#others.delete(next);
    this.#others.add(old);
    this.#quarantine.retire();
    for (const run of old.drain()) {
      const keeper = next.choose();
      if (keeper === undefined) continue;
      this.#runs.set(run.request.runId, { run, keeper });
      keeper.run(run);
    }
    this.#log.info({ handlers: next.manifests.map(({ name, version }) => `${name}@${version}`) }, 'handlers reloaded');
    for (const listener of this.#listeners) listener(next.manifests);
    this.#events?.room?.();
  }
}
