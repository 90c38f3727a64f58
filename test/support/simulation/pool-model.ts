/**
 * The modelled run pool of a node: cells with threads in which handlers take their time, succeed, fail, or bring their
 * cell down. Cells are separate processes: a pause of the node may leave them running, but its death ends them.
 */
import type { PoolEvent, RunOutcome, RunPool, RunRequest } from '../../../src/application/ports/run-pool.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import type { Executions } from './executions.ts';
import type { Host } from './host.ts';

interface Run {
  readonly request: RunRequest;
  inThread: boolean;
  startedMs: number;
  cancelEnd: (() => void) | undefined;
}

export interface PoolOptions {
  /** The node's own process. */
  readonly host: Host;
  /** The processes that run the handlers. */
  readonly cells: Host;
  readonly threads: number;
  readonly manifest: HandlerManifest;
  readonly executions: Executions;
}

const lookAhead = 1;
const cancelGraceMs = 1_500;
/** A run that has waited this long for a thread is released. */
const waitMaxMs = 1_000;
const ipcMs = 2;

export class PoolModel implements RunPool {
  readonly #options: PoolOptions;
  readonly #runs = new Map<string, Run>();
  #emit: (event: PoolEvent) => void = () => undefined;
  readonly #onWay: PoolEvent[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
    options.host.onKilled(() => {
      options.cells.kill();
      for (const [runId, run] of this.#runs) if (run.inThread) options.executions.ended(runId, 'killed');
    });
  }

  start(onEvent: (event: PoolEvent) => void): Promise<readonly HandlerManifest[]> {
    this.#emit = onEvent;
    return Promise.resolve([this.#options.manifest]);
  }

  run(request: RunRequest): void {
    if (this.capacity() <= 0) {
      this.#options.executions.overfilled(this.#options.host.name);
      throw new TroupeError('OVERLOADED');
    }
    const run: Run = { request, inThread: false, startedMs: 0, cancelEnd: undefined };
    this.#runs.set(request.runId, run);
    this.#fill();
    if (run.inThread) return;
    this.#later(waitMaxMs, () => {
      if (this.#runs.get(request.runId) === run && !run.inThread) this.#end(request.runId, { kind: 'released' });
    });
  }

  capacity(): number {
    return this.#options.threads + lookAhead - this.#runs.size;
  }

  cancel(runId: string): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    if (run.inThread) {
      this.#later(this.#options.cells.random() * cancelGraceMs, () => {
        this.#end(runId, { kind: 'stopped' });
      });
    } else this.#end(runId, { kind: 'stopped' });
  }

  checkpointed(runId: string, number: number, saved: boolean): void {
    if (!saved) return;
    this.#later(ipcMs, () => {
      if (this.#runs.has(runId)) this.#options.executions.saved(runId, number);
    });
  }

  stats(): ReturnType<RunPool['stats']> {
    return { threads: this.#options.threads, busy: 0, waiting: 0, leaked: 0, rssBytes: 0, cells: [] };
  }

  runs(): ReturnType<RunPool['runs']> {
    return [];
  }

  profile(): Promise<string> {
    return Promise.reject(new TroupeError('INVALID_ARGUMENT', { message: 'modelled threads have no profile' }));
  }

  manifests(): readonly HandlerManifest[] {
    return [this.#options.manifest];
  }

  onManifests(): () => void {
    return () => undefined;
  }

  /** A cell dies for a reason that has nothing to do with its jobs. */
  crashCell(): void {
    this.#loseAll(undefined);
  }

  stop(graceMs: number): Promise<void> {
    const { clock } = this.#options.host;
    const untilMs = clock.monotonicMs() + graceMs;
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#runs.size > 0 && clock.monotonicMs() < untilMs) {
          clock.setTimer(50, look);
          return;
        }
        for (const runId of [...this.#runs.keys()]) this.#end(runId, { kind: 'lost', blame: 'unknown' });
        resolve();
      };
      look();
    });
  }

  /** Gives free threads to waiting runs. */
  #fill(): void {
    const { threads } = this.#options;
    const busy = [...this.#runs.values()].filter(({ inThread }) => inThread).length;
    const waiting = [...this.#runs.values()].filter(({ inThread }) => !inThread);
    for (const run of waiting.slice(0, Math.max(0, threads - busy))) this.#begin(run);
  }

  /** Runs the script of the job: progress half-way, checkpoints and log lines in between, and then the end. */
  #begin(run: Run): void {
    const { cells, host, executions } = this.#options;
    const { request } = run;
    const { runId } = request;
    run.inThread = true;
    run.startedMs = cells.clock.monotonicMs();
    executions.started({ ...request, host: host.name });
    this.#toNode({ kind: 'started', runId });
    const { outcome, durationMs } = executions.script(request, cells.random);
    this.#later(durationMs / 2, () => {
      if (this.#runs.get(runId) !== run) return;
      this.#toNode({ kind: 'progress', runId, fraction: 0.5, note: 'half' });
    });
    for (const { number, at, json } of executions.checkpoints(request)) {
      this.#later(durationMs * at, () => {
        if (this.#runs.get(runId) !== run) return;
        this.#toNode({ kind: 'checkpoint', runId, number, payload: { kind: 'json', json } });
      });
    }
    for (const { at, text } of executions.lines(request)) {
      this.#later(Math.min(durationMs, request.executionTimeoutMs) * at, () => {
        if (this.#runs.get(runId) !== run) return;
        executions.said(runId, text);
        this.#toNode({ kind: 'log', runId, level: 'info', text });
      });
    }
    const isTooLong = durationMs > request.executionTimeoutMs;
    const failure = { reason: 'ATTEMPT_TIMED_OUT', message: 'too long' } as const;
    this.#later(Math.min(durationMs, request.executionTimeoutMs), () => {
      if (this.#runs.get(runId) !== run) return;
      if (isTooLong) this.#end(runId, { kind: 'failed', failure, retryable: true });
      else if (outcome === 'kills-cell') this.#loseAll(run);
      else this.#end(runId, outcome);
    });
  }

  /** The culprit is only known if it ran isolated. */
  #loseAll(culprit: Run | undefined): void {
    for (const [runId, run] of [...this.#runs]) {
      const isConvicted = run === culprit && run.request.suspect;
      const blame = isConvicted ? 'convicted' : run.inThread ? 'suspect' : 'unknown';
      this.#end(runId, { kind: 'lost', blame });
    }
  }

  /** The code is gone. The node learns of that a moment later. */
  #end(runId: string, outcome: RunOutcome): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    this.#runs.delete(runId);
    if (run.inThread) this.#options.executions.ended(runId, outcome.kind);
    const durationMs = this.#options.cells.clock.monotonicMs() - run.startedMs;
    this.#toNode({ kind: 'ended', runId, outcome, durationMs });
    this.#fill();
  }

  #later(delayMs: number, act: () => void): void {
    this.#options.cells.clock.setTimer(delayMs, act);
  }

  /** Delivers in the order of sending, whatever the node processes first when it resumes after a pause. */
  #toNode(event: PoolEvent): void {
    const { host } = this.#options;
    this.#onWay.push(event);
    host.timeline.at(ipcMs, () => {
      host.run(() => {
        const next = this.#onWay.shift();
        if (next !== undefined) this.#emit(next);
      });
    });
  }
}

/** Wraps the pool, so that some of its members can be replaced. */
export function passOn(pool: RunPool): RunPool {
  return {
    start: (onEvent) => pool.start(onEvent),
    run: (request) => {
      pool.run(request);
    },
    capacity: () => pool.capacity(),
    cancel: (runId) => {
      pool.cancel(runId);
    },
    checkpointed: (runId, number, saved) => {
      pool.checkpointed(runId, number, saved);
    },
    stats: () => pool.stats(),
    runs: () => pool.runs(),
    profile: (runId, options) => pool.profile(runId, options),
    manifests: () => pool.manifests(),
    onManifests: (listener) => pool.onManifests(listener),
    stop: (graceMs) => pool.stop(graceMs),
  };
}
