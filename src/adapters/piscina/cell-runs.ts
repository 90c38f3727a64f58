/**
 * The runs of one cell: first in, first out in front of the threads, then one thread each, until the code is gone.
 * Ending a run: stop flag → grace → the thread is ended → after a second more the parent is told to end the process.
 * `ended` is sent exactly once per run.
 */
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import { describeThrown } from '../../handlers/execution.ts';
import type { CellEvent, CellVitals, RunCommand } from './cell-frames.ts';
import { isPastDeadline, newRun, type Run } from './cell-run.ts';
import type { CellThread, CellThreads } from './cell-threads.ts';
import { deadlineExceeded, failed, timedOut } from './run-endings.ts';
import { slotPhases } from './run-slot.ts';
import { ThreadProfiler } from './thread-profiler.ts';
import type { ThreadNote, ThreadResult, ThreadTask } from './thread-messages.ts';

const startPollMs = 1;
const tickMs = 50;
const sampleEveryMs = 100;
/** From ending the thread until its exit. */
const exitMaxMs = 1_000;
/** A thread that does not take its task is blocked by what an earlier run left behind. */
const takeMaxMs = 5_000;
const requeuesMax = 2;

export interface CellRunsOptions {
  readonly threads: CellThreads;
  readonly waitMaxMs: number;
  readonly gatherMs: number;
  readonly graceMsOf: (handler: string) => number;
  readonly emit: (event: CellEvent) => void;
}

export class CellRuns {
  readonly #threads: CellThreads;
  readonly #options: CellRunsOptions;
  readonly #profiler: ThreadProfiler;
  readonly #waiting: Run[] = [];
  readonly #active = new Map<number, Run>();
  #timer: NodeJS.Timeout | undefined;
  #timerIsShort = false;
  #sampledAtMs = 0;

  constructor(options: CellRunsOptions) {
    this.#options = options;
    this.#threads = options.threads;
    this.#profiler = new ThreadProfiler(options.emit);
  }

  run(command: RunCommand): void {
    this.#waiting.push(newRun(command, performance.now()));
    this.pump();
  }

  cancel(key: number): void {
    const run = this.#active.get(key);
    if (run !== undefined) {
      this.#requestStop(run, { kind: 'stopped' });
      return;
    }
    const at = this.#waiting.findIndex((waiting) => waiting.command.key === key);
    const [waiting] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (waiting !== undefined) this.#end(waiting, { kind: 'stopped' });
  }

  hear(note: ThreadNote): void {
    const run = this.#active.get(note.key);
    if (run === undefined) return;
    if (note.kind === 'log') {
      this.#options.emit(note);
    } else {
      run.note = note.text;
      run.noted = true;
    }
    run.heard += 1;
    if (run.result !== undefined) this.#onResult(run, run.result);
  }

  /** Only of what runs now: a profile of a waiting run would be one of its predecessor. */
  profile(key: number, durationMs: number): void {
    const run = this.#active.get(key);
    const free = run?.thread !== undefined && run.started && run.result === undefined && run.stop === undefined;
    if (free && run.thread !== undefined) void this.#profiler.profile(key, run.thread, durationMs);
    else this.#options.emit({ kind: 'profile-failed', key, why: 'not-running' });
  }

  /** Asked once a second. */
  vitals(): Pick<CellVitals, 'leaked' | 'runs'> {
    const nowMs = performance.now();
    const active = [...this.#active.values()];
    return {
      leaked: active.filter(({ stuck }) => stuck).length,
      runs: active.flatMap((run) => {
        if (run.thread === undefined || !run.started) return [];
        const signs = run.thread.slot.pulse + run.heard;
        if (signs !== run.signs || run.signAtMs === 0) run.signAtMs = nowMs;
        run.signs = signs;
        return [{ key: run.command.key, thread: run.thread.id, quietMs: Math.round(nowMs - run.signAtMs) }];
      }),
    };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How long starts and successes may wait for company: not at all unless the threads have more to do. */
  get patienceMs(): number {
    return this.#waiting.length > 0 ? this.#options.gatherMs : 0;
  }

  /** Gives waiting runs to idle threads. */
  pump(): void {
    while (this.#waiting.length > 0 && this.#threads.hasIdle()) {
      const run = this.#waiting.shift();
      if (run === undefined) return;
      if (isPastDeadline(run)) this.#end(run, deadlineExceeded());
      else this.#assign(run);
    }
  }

  #assign(run: Run): void {
    const { command } = run;
    const input = command.input.kind === 'bytes' ? ownCopy(command.input.bytes) : undefined;
    const timeoutAtMs = Date.now() + command.executionTimeoutMs;
    const { thread, result } = this.#threads.assign(
      (slot): ThreadTask => ({
        kind: 'run',
        key: command.key,
        slot,
        jobId: command.jobId,
        attempt: command.attempt,
        handler: command.handler,
        input: input === undefined ? command.input : { kind: 'bytes', bytes: input },
        deadlineAtMs: Math.min(timeoutAtMs, command.deadlineAtMs ?? timeoutAtMs),
        traceparent: command.traceparent,
      }),
      // Handed over, not copied; kept if the run may have to be assigned again.
      input === undefined ? undefined : [input.buffer],
    );
    run.thread = thread;
    run.assignedAtMs = performance.now();
    this.#active.set(command.key, run);
    this.#arm(this.#waiting.length === 0);
    result.then(
      (done) => this.#onResult(run, done),
      (error: unknown) => void this.#onThreadDied(run, thread, error),
    );
  }

  #onResult(run: Run, result: ThreadResult): void {
    run.result = result;
    if (run.heard < result.notes) return;
    const { execution, durationMs } = result;
    this.#announceStart(run);
    if (run.stop !== undefined) this.#end(run, run.stop.outcome, durationMs);
    else if (execution.kind !== 'interrupted') this.#end(run, execution, durationMs);
    else this.#end(run, failed('HANDLER_FAILED', 'the handler stopped without having been asked to', true), durationMs);
  }

  async #onThreadDied(run: Run, thread: CellThread, error: unknown): Promise<void> {
    run.terminatedAtMs ??= performance.now();
    const died = this.#outcomeOfDeath(run, error);
    const untouched = thread.slot.phase === slotPhases.assigned;
    run.stop ??= untouched ? undefined : { outcome: died, atMs: run.terminatedAtMs };
    const code = await thread.exited;
    if (run.stop === undefined) {
      this.#assignAgain(run);
    } else if (run.stop.outcome === died && thread.error === undefined) {
      this.#end(run, failed('THREAD_CRASHED', `the handler ended its thread with exit code ${code}`, true));
    } else {
      this.#end(run, run.stop.outcome);
    }
  }

  #outcomeOfDeath(run: Run, error: unknown): RunOutcome {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? failed('OUT_OF_MEMORY', `the handler "${run.command.handler}" used more memory than its thread has`, true)
      : failed('THREAD_CRASHED', `an error outside of the handler's own promise: ${describeThrown(error)}`, true);
  }

  /** Its thread died of something else before the run began. */
  #assignAgain(run: Run): void {
    this.#active.delete(run.command.key);
    run.requeues += 1;
    run.thread = undefined;
    run.terminatedAtMs = undefined;
    if (run.requeues > requeuesMax) {
      this.#end(run, failed('THREAD_CRASHED', 'no thread lived long enough to take the run', true));
    } else {
      this.#waiting.unshift(run);
      this.pump();
    }
  }

  #requestStop(run: Run, outcome: RunOutcome): void {
    if (run.stop !== undefined) {
      if (outcome.kind === 'stopped') run.stop.outcome = outcome;
      return;
    }
    run.stop = { outcome, atMs: performance.now() };
    run.thread?.slot.requestStop();
  }

  #end(run: Run, outcome: RunOutcome, durationMs?: number): void {
    const { key } = run.command;
    if (this.#active.delete(key)) this.#sample(run);
    const ranMs = run.takenAtMs === undefined ? 0 : performance.now() - run.takenAtMs;
    this.#options.emit({ kind: 'ended', key, outcome, durationMs: durationMs ?? ranMs });
  }

  #arm(short: boolean): void {
    if (this.#timer !== undefined && (this.#timerIsShort || !short)) return;
    clearTimeout(this.#timer);
    this.#timerIsShort = short;
    this.#timer = setTimeout(() => this.#tick(), short ? startPollMs : tickMs);
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const sampling = nowMs - this.#sampledAtMs >= sampleEveryMs;
    if (sampling) this.#sampledAtMs = nowMs;
    let starting = false;
    for (const run of this.#active.values()) {
      this.#observe(run, nowMs);
      this.#enforce(run, nowMs);
      if (sampling) this.#sample(run);
      starting ||= !run.started;
    }
    this.#returnOverdue(nowMs);
    if (this.#active.size > 0) this.#arm(starting && this.#waiting.length === 0);
  }

  /** What runs now is longer than what the look-ahead was sized by. */
  #returnOverdue(nowMs: number): void {
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      if (nowMs - head.acceptedAtMs <= this.#options.waitMaxMs) return;
      this.#waiting.shift();
      this.#end(head, { kind: 'returned' });
    }
  }

  #observe(run: Run, nowMs: number): void {
    if (run.started || run.thread === undefined) return;
    const { phase } = run.thread.slot;
    if (phase >= slotPhases.taken) run.takenAtMs ??= nowMs;
    if (phase >= slotPhases.running) this.#announceStart(run);
  }

  #announceStart(run: Run): void {
    run.takenAtMs ??= run.assignedAtMs;
    if (run.started) return;
    run.started = true;
    this.#options.emit({ kind: 'started', key: run.command.key });
  }

  /** One step of the ladder, if it is time. */
  #enforce(run: Run, nowMs: number): void {
    const { command, thread } = run;
    if (thread === undefined || run.result !== undefined) return;
    if (run.stop === undefined) {
      if (isPastDeadline(run)) this.#requestStop(run, deadlineExceeded());
      else if (run.takenAtMs === undefined && nowMs - run.assignedAtMs > takeMaxMs) this.#terminate(run, thread, nowMs);
      else if (run.takenAtMs !== undefined && nowMs - run.takenAtMs >= command.executionTimeoutMs) {
        this.#requestStop(run, timedOut(command.executionTimeoutMs));
      }
    } else if (nowMs - run.stop.atMs >= this.#options.graceMsOf(command.handler)) {
      this.#terminate(run, thread, nowMs);
    }
    if (run.terminatedAtMs !== undefined && !run.stuck && nowMs - run.terminatedAtMs >= exitMaxMs) {
      run.stuck = true;
      const outcome = run.stop?.outcome ?? { kind: 'lost', convicted: false };
      this.#options.emit({ kind: 'stuck', key: command.key, outcome });
    }
  }

  #terminate(run: Run, thread: CellThread, nowMs: number): void {
    if (run.terminatedAtMs !== undefined) return;
    run.terminatedAtMs = nowMs;
    this.#threads.terminate(thread);
  }

  #sample(run: Run): void {
    const fraction = run.thread?.slot.progress ?? 0;
    if (fraction === run.fraction && !run.noted) return;
    run.fraction = fraction;
    run.noted = false;
    this.#options.emit({ kind: 'progress', key: run.command.key, fraction, note: run.note });
  }
}

/** What came in a frame is a view into the whole frame; a clone would take all of it along. */
function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
