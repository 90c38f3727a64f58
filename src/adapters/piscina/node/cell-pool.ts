/**
 * `RunPool` over cells, which are child processes with Piscina threads. This process never imports handler code.
 * Invariants: an accepted run ends exactly once. No run is handed to Piscina before a thread is free. `capacity()` is
 * what the threads can take now, plus a look-ahead that is measured in time.
 */
import type {
  PoolEvent,
  RunEvent,
  RunPool,
  RunPoolStats,
  RunRequest,
  RunStreams,
  RunView,
} from '../../../application/ports/run-pool.ts';
import type { Logger } from '../../../application/ports/runtime.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { given } from '../../../domain/given.ts';
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import { SecretMask } from '../../../domain/secret-mask.ts';
import { CellGeneration } from './cell-generation.ts';
import type { CellSupervisorOptions } from './cell-supervisor.ts';
import { cellMeasures, type CellMeasures } from './cell-measures.ts';
import { checkCellUser } from './cell-user-check.ts';
import { completeOptions, type CellPoolOptions, type CompleteOptions } from './cell-pool-options.ts';
import { describeExit, type CellExit } from './cell-process.ts';
import type { HandlerFiles } from './handler-files.ts';
import { ignoreDebugSignal } from './debug-signal.ts';
import { HandlerGenerations } from './handler-generations.ts';
import { LookAhead, lookAheadMaxRuns } from './look-ahead.ts';
import { newPoolRun, type PoolRun } from './pool-run.ts';
import { poolStats, runView } from './pool-views.ts';
import { IsolatedRuns } from './isolated-runs.ts';
import { deadlineExceeded } from '../protocol/run-failure.ts';
import { checkProfile } from './run-profile.ts';
import { RunPump } from './run-pump.ts';
import { ScratchFolder } from './scratch-folder.ts';

const measureEveryMs = 1_000;
const lookForLateEveryMs = 250;

type EndedEvent = Extract<RunEvent, { kind: 'ended' }>;

/** The end of a run that no thread has begun. */
function released({ request: { runId } }: PoolRun): EndedEvent {
  return { kind: 'ended', runId, outcome: { kind: 'released' }, durationMs: 0 };
}

export function createCellPool(options: CellPoolOptions): RunPool {
  return new CellPool(completeOptions(options));
}

class CellPool implements RunPool {
  readonly #options: CompleteOptions;
  readonly #log: Logger;
  readonly #lookAhead: LookAhead;
  readonly #measures: CellMeasures;
  readonly #isolated: IsolatedRuns;
  readonly #scratch: ScratchFolder;
  readonly #generations: HandlerGenerations;
  readonly #runs = new Map<string, PoolRun>();
  readonly #listeners = new Set<(manifests: readonly HandlerManifest[]) => void>();
  #emit: (event: PoolEvent) => void = () => undefined;
  #busy = 0;
  #stopping: Promise<void> | undefined;
  #onEmpty: () => void = () => undefined;
  #stopMeasuring: () => void = () => undefined;
  #stopLooking: () => void = () => undefined;

  constructor(options: CompleteOptions) {
    const { clock, telemetry, threads, lookaheadMs, handlerDirs, watch } = options;
    this.#options = options;
    this.#log = options.log.child({ component: 'cells' });
    this.#lookAhead = new LookAhead({ threads, lookaheadMs });
    this.#measures = cellMeasures(telemetry);
    const {
      scratchFolder: folder,
      scratchMaxBytes: maxBytes,
      scratchReserveBytes: reserveBytes,
      cellUid: uid,
    } = options;
    this.#scratch = new ScratchFolder({ folder, maxBytes, reserveBytes, log: this.#log, ...given({ uid }) });
    this.#generations = new HandlerGenerations({
      handlerDirs,
      watch,
      clock,
      log: this.#log,
      open: (files) => this.#open(files),
      onNews: options.onNews,
      onSwitch: (next, unsent) => this.#onSwitch(next, unsent),
    });
    this.#isolated = new IsolatedRuns({
      clock,
      open: () => this.#generations.current?.isolated(),
      onWithdrawn: (run) => this.#onEnded(run, released(run)),
    });
  }

  async start(onEvent: (event: PoolEvent) => void): Promise<readonly HandlerManifest[]> {
    this.#emit = onEvent;
    ignoreDebugSignal();
    checkCellUser(this.#options.cellUid);
    const { manifests } = await this.#generations.start();
    this.#measure();
    this.#endLate();
    return manifests;
  }

  run(request: RunRequest, streams?: RunStreams): void {
    const limit = this.#options.threads + lookAheadMaxRuns;
    if (this.#stopping !== undefined) throw new TroupeError('SHUTTING_DOWN');
    if (this.#runs.size >= limit) throw new TroupeError('OVERLOADED', { metadata: { limit: String(limit) } });
    const { streamedMaxBytes: outputMaxBytes, secrets } = this.#options;
    const mask = new SecretMask();
    const pump = new RunPump({ request, streams, scratch: this.#scratch, outputMaxBytes, secrets, mask });
    const run = newPoolRun(request, pump, mask);
    const generation = this.#generations.current;
    const supervisor = generation?.choose();
    if (supervisor === undefined || generation?.knows(request.handler) !== true) {
      this.#refuse(run);
      return;
    }
    this.#runs.set(request.runId, run);
    if (request.suspect) this.#isolated.run(run);
    else supervisor.run(run);
  }

  capacity(): number {
    const threads = this.#stopping === undefined ? (this.#generations.current?.threadsUp() ?? 0) : 0;
    if (threads === 0) return 0;
    // The isolated run has its own thread. Suspects that wait for that thread count like any other run.
    const apart = this.#isolated.size > 0 ? 1 : 0;
    return this.#lookAhead.room(threads, this.#runs.size - apart);
  }

  cancel(runId: string): void {
    const run = this.#runs.get(runId);
    if (run !== undefined) this.#cancel(run);
  }

  #cancel(run: PoolRun): void {
    run.withdrawn = true;
    run.home?.cancel(run);
  }

  checkpointed(runId: string, number: number, saved: boolean): void {
    const run = this.#runs.get(runId);
    run?.home?.checkpointed(run, number, saved);
  }

  stats(): RunPoolStats {
    const { threads } = this.#options;
    return poolStats(this.#generations.supervisors, { threads, busy: this.#busy, held: this.#runs.size });
  }

  runs(): readonly RunView[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#runs.values()].map((run) => runView(run, run.home, nowMs));
  }

  async profile(runId: string, { durationMs }: { readonly durationMs: number }): Promise<string> {
    checkProfile(durationMs);
    const run = this.#runs.get(runId);
    if (run?.startedAtMs === undefined || run.home === undefined) throw new TroupeError('RUN_NOT_FOUND');
    return run.home.profile(run, durationMs);
  }

  manifests(): readonly HandlerManifest[] {
    return this.#generations.current?.manifests ?? [];
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
    this.#generations.settle();
    if (this.#runs.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const cancelTimer = this.#options.clock.setTimer(graceMs, resolve);
        this.#onEmpty = () => {
          cancelTimer();
          resolve();
        };
      });
    }
    const waiting = await this.#isolated.close('stopping');
    for (const run of waiting) this.#onEnded(run, released(run));
    await this.#generations.close('stopping');
    this.#scratch.close();
    this.#stopMeasuring();
    this.#stopLooking();
  }

  #open(files: HandlerFiles): CellGeneration {
    const { threads, cells, memory, rssMaxBytes, cancelGraceMs, outputMaxBytes, handlerEnv } = this.#options;
    const { cellUid: uid } = this.#options;
    const { waitMaxMs, gatherMs } = this.#lookAhead;
    return new CellGeneration({
      files,
      threads,
      cells,
      setup: { memory, rssMaxBytes, cancelGraceMs, outputMaxBytes, waitMaxMs, gatherMs, handlerEnv, ...given({ uid }) },
      supervisor: this.#supervisorOptions(),
      log: this.#log,
      onRecycled: (why) => this.#measures.recycled.add(1, { why }),
    });
  }

  #supervisorOptions(): Omit<CellSupervisorOptions, 'setup' | 'onUnfit'> {
    const { env, silenceMaxMs, stuckDrainMaxMs, cellRunsMax: runsMax, clock, cellScratchMaxBytes } = this.#options;
    return {
      env,
      silenceMaxMs,
      openScratch: () => this.#scratch.openCell(),
      cellScratchMaxBytes,
      stuckDrainMaxMs,
      runsMax,
      clock,
      log: this.#log,
      onRunEvent: (run, event) => this.#onRunEvent(run, event),
      onRoom: () => this.#emit({ kind: 'room' }),
      onDeath: (exit) => this.#onDeath(exit),
    };
  }

  #onDeath(exit: CellExit): void {
    const inOrder = exit.killedFor === 'drained' || exit.killedFor === 'stopping';
    const ended = exit.ownFault ? 'compromised' : 'killed';
    this.#measures.cellExits.add(1, { cause: inOrder ? 'closed' : exit.killedFor === undefined ? 'died' : ended });
    if (inOrder) return;
    const lines = exit.lastLines.slice(-5);
    const event = exit.ownFault ? 'cell compromised' : 'cell died';
    this.#log.error({ why: describeExit(exit), exitCode: exit.code, signal: exit.signal, lines }, event);
  }

  #onRunEvent(run: PoolRun, event: RunEvent): void {
    if (event.kind === 'ended') {
      this.#onEnded(run, event);
      return;
    }
    if (event.kind === 'started') this.#busy += 1;
    this.#emit(event);
    const { handler, jobId, hidesTexts } = run.request;
    if (event.kind !== 'log' || hidesTexts === true) return;
    this.#options.onNews({ kind: 'line', handler, jobId, level: event.level, text: event.text });
  }

  #onEnded(run: PoolRun, event: EndedEvent): void {
    const { durationMs } = event;
    const isLate = run.late && (event.outcome.kind === 'stopped' || event.outcome.kind === 'released');
    const outcome = isLate ? deadlineExceeded() : event.outcome;
    this.#runs.delete(run.request.runId);
    run.pump.close();
    if (run.startedAtMs !== undefined) {
      this.#busy -= 1;
      // A run that was lost says nothing of how long runs take.
      if (outcome.kind !== 'lost') this.#lookAhead.observe(durationMs);
    }
    if (outcome.kind === 'released' && !run.withdrawn) this.#lookAhead.forget();
    const kind = outcome.kind === 'failed' ? outcome.failure.reason : outcome.kind;
    this.#measures.runs.add(1, { outcome: kind });
    this.#measures.runDuration.observe(durationMs / 1_000);
    this.#isolated.ended(run);
    this.#emit({ ...event, outcome });
    if (this.#runs.size === 0) this.#onEmpty();
  }

  /**
   * Cancels runs that still wait for a thread after the deadline of their job, wherever they wait. A cell checks only
   * runs that have a thread.
   */
  #endLate(): void {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    for (const run of this.#runs.values()) {
      const { deadlineAtMs = Infinity } = run.request;
      if (run.startedAtMs !== undefined || run.late || deadlineAtMs > nowMs) continue;
      run.late = true;
      this.#cancel(run);
    }
    this.#stopLooking = clock.setTimer(lookForLateEveryMs, () => this.#endLate());
  }

  /**
   * Releases a run whose handler was removed by a reload after the node had claimed the job. The event comes later,
   * because callers do not expect it from inside `run`.
   */
  #refuse(run: PoolRun): void {
    setImmediate(() => this.#emit(released(run)));
  }

  #onSwitch(next: CellGeneration, unsent: readonly PoolRun[]): void {
    this.#isolated.retire();
    for (const run of unsent) next.choose()?.run(run);
    for (const listener of this.#listeners) listener(next.manifests);
    this.#emit({ kind: 'room' });
  }

  #measure(): void {
    const { threads, leaked, rssBytes } = this.stats();
    this.#measures.threads.set(threads, { state: 'configured' });
    this.#measures.threads.set(this.#busy, { state: 'busy' });
    this.#measures.threads.set(leaked, { state: 'leaked' });
    this.#measures.rss.set(rssBytes);
    // Whatever else makes room, pullers that sleep hear of it within a second.
    this.#emit({ kind: 'room' });
    this.#stopMeasuring = this.#options.clock.setTimer(measureEveryMs, () => this.#measure());
  }
}
