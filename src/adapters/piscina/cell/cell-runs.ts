/**
 * The runs of one cell. A run waits for a thread, first in, first out, and then holds that thread until its code is
 * gone. To end a run, we set its stop flag, wait for the grace period, and end the thread. If the thread has not exited
 * a second later, we report the run to the parent as stuck. `ended` is sent exactly once per run.
 */
import type { RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import type { CellEvent, RunVitals } from '../protocol/cell-frames.ts';
import { newRun, taskOf, type Run } from './cell-run.ts';
import type { CellThread } from './cell-thread.ts';
import type { CellThreads } from './cell-threads.ts';
import type { HandlerLimits } from './handler-limits.ts';
import { deadlineExceeded, failed } from '../protocol/run-failure.ts';
import { processFull, threadDied, unaskedOutcome } from './run-endings.ts';
import { isStuck, limitPassed, lookForSigns } from './run-limits.ts';
import { slotPhases } from '../protocol/run-slot.ts';
import { asksOpenMax, type StreamAnswer, type ThreadAsk } from '../protocol/stream-messages.ts';
import { strayIn } from './stray-finder.ts';
import { ThreadProfiler } from './thread-profiler.ts';
import type { ThreadNote, ThreadResult } from '../protocol/thread-messages.ts';
import { WaitingRuns } from './waiting-runs.ts';

const startPollMs = 1;
const tickMs = 50;
const sampleEveryMs = 100;
/** A tick that is this late shows that this process did not run. Its threads may not have run either. */
const stoodStillMs = 1_000;
/** A thread that does not take its task in this time is blocked by something that an earlier run left behind. */
const takeMaxMs = 5_000;
const requeuesMax = 2;
/** How long a result waits for missing notes. Notes use another port, and a handler may have closed it. */
const notesMaxMs = 1_000;
export interface CellRunsOptions {
  readonly threads: CellThreads;
  readonly waitMaxMs: number;
  readonly gatherMs: number;
  readonly limits: HandlerLimits;
  readonly emit: (event: CellEvent) => void;
}

export class CellRuns {
  readonly #threads: CellThreads;
  readonly #options: CellRunsOptions;
  readonly #profiler: ThreadProfiler;
  readonly #waiting = new WaitingRuns();
  readonly #active = new Map<string, Run>();
  readonly #byThread = new Map<CellThread, Run>();
  #timer: NodeJS.Timeout | undefined;
  #timerIsShort = false;
  #sampledAtMs = 0;
  #armedAtMs = 0;

  constructor(options: CellRunsOptions) {
    this.#options = options;
    this.#threads = options.threads;
    this.#profiler = new ThreadProfiler(options.emit);
  }

  run(request: RunRequest): void {
    const memoryMb = this.#options.limits.memoryMb(request.handler, request.memoryMb);
    this.#waiting.add(newRun(request, memoryMb, performance.now()));
    this.pump();
  }

  cancel(runId: string): void {
    const run = this.#active.get(runId);
    if (run !== undefined) {
      this.#requestStop(run, { kind: 'stopped' });
      return;
    }
    const waiting = this.#waiting.take(runId);
    if (waiting !== undefined) this.#end(waiting, { kind: 'released' });
  }

  hear(thread: CellThread, note: ThreadNote): void {
    const run = this.#byThread.get(thread);
    if (run === undefined) return;
    const { runId } = run.request;
    const sinceMs = performance.now() - run.assignedAtMs;
    run.heard += 1;
    if (!run.bounds.admit(note, { sinceMs, stopping: run.stop !== undefined })) {
      this.#flooded(run, thread);
      return;
    }
    if (note.kind === 'note') {
      run.note = note.text;
      run.noted = true;
    } else {
      this.#options.emit({ ...note, runId });
    }
    if (run.result !== undefined) this.#onResult(run, run.result.result);
  }

  /** A thread asks for a piece of a stream, or gives one. */
  asked(thread: CellThread, { runId, number, ask }: ThreadAsk): void {
    const run = this.#byThread.get(thread);
    if (run?.request.runId !== runId || run.result !== undefined) return;
    run.asks.add(number);
    if (run.asks.size > asksOpenMax) this.#flooded(run, thread);
    else this.#options.emit({ kind: 'stream-ask', runId, number, ask });
  }

  answered(runId: string, number: number, answer: StreamAnswer): void {
    const run = this.#active.get(runId);
    if (run?.asks.delete(number) === true) run.thread?.answer(runId, number, answer);
  }

  #flooded(run: Run, thread: CellThread): void {
    this.#requestStop(run, failed('THREAD_CRASHED', 'the handler flooded its cell with messages', true));
    this.#threads.terminate(thread);
  }

  checkpointed(runId: string, number: number, saved: boolean): void {
    const run = this.#active.get(runId);
    if (run === undefined) return;
    run.bounds.settled();
    run.thread?.slot.settleCheckpoint(number, saved);
  }

  /** Profiles only a run that executes now. A profile of a waiting run would show the run before it. */
  profile(runId: string, durationMs: number): void {
    const run = this.#active.get(runId);
    const free = run?.thread !== undefined && run.started && run.result === undefined && run.stop === undefined;
    if (free && run.thread !== undefined) void this.#profiler.profile(runId, run.thread, durationMs);
    else this.#options.emit({ kind: 'profile-failed', runId, why: 'not-running' });
  }

  /** Runs in a thread that have not been asked to stop. */
  get inThreads(): readonly Run[] {
    return [...this.#active.values()].filter((run) => run.thread !== undefined && run.stop === undefined);
  }

  /** Ends the run at once, without a grace period, because it may take more memory every moment. */
  endForMemory(run: Run, rssMaxBytes: number): void {
    if (run.stop !== undefined || run.thread === undefined) return;
    this.#requestStop(run, processFull(run.request.handler, rssMaxBytes));
    this.#threads.terminate(run.thread);
  }

  /** Called once a second. */
  vitals(): readonly RunVitals[] {
    const nowMs = performance.now();
    return [...this.#active.values()].flatMap((run) => {
      if (run.thread === undefined || !run.started) return [];
      lookForSigns(run, nowMs);
      return [{ runId: run.request.runId, thread: run.thread.id, quietMs: Math.round(nowMs - run.signAtMs) }];
    });
  }

  /** How long starts and successes may be held back: not at all unless more runs wait for the threads. */
  get patienceMs(): number {
    return this.#waiting.size > 0 ? this.#options.gatherMs : 0;
  }

  /** Gives waiting runs to idle threads. */
  pump(): void {
    this.#waiting.pump(this.#threads, {
      assign: (run, thread) => this.#assign(run, thread),
      late: (run) => this.#end(run, deadlineExceeded()),
    });
  }

  #assign(run: Run, thread: CellThread): void {
    const { task, transfer } = taskOf(run);
    run.thread = thread;
    run.assignedAtMs = performance.now();
    this.#active.set(run.request.runId, run);
    this.#byThread.set(thread, run);
    this.#arm(this.#waiting.size === 0);
    thread.run(task, transfer).then(
      (done) => this.#onResult(run, done),
      (error: unknown) => void this.#onThreadDied(run, thread, error),
    );
  }

  #onResult(run: Run, result: ThreadResult): void {
    run.result ??= { result, atMs: performance.now() };
    if (run.heard < result.notes) return;
    this.#settle(run, result);
  }

  #settle(run: Run, { outcome: own, durationMs, thread: fate }: ThreadResult): void {
    const { thread } = run;
    if (thread === undefined || run.leaving !== undefined || !this.#active.has(run.request.runId)) return;
    this.#announceStart(run);
    const outcome = run.stop?.outcome ?? unaskedOutcome(own);
    if (fate !== 'busy') {
      this.#end(run, outcome, durationMs);
      this.#threads.release(thread, fate === 'free');
      return;
    }
    run.leaving = outcome;
    this.#threads.terminate(thread);
    void thread.exited.then(() => this.#end(run, outcome, durationMs));
  }

  async #onThreadDied(run: Run, thread: CellThread, error: unknown): Promise<void> {
    const died = threadDied(run.request.handler, run.memoryMb, error, this.#options.limits);
    const untouched = thread.slot.phase === slotPhases.assigned;
    run.stop ??= untouched ? undefined : { outcome: died, atMs: performance.now() };
    const code = await thread.exited;
    if (run.stop === undefined) {
      this.#assignAgain(run, thread);
    } else if (run.stop.outcome === died && thread.error === undefined) {
      this.#end(run, failed('THREAD_CRASHED', `the handler ended its thread with exit code ${code}`, true));
    } else {
      this.#end(run, run.stop.outcome);
    }
  }

  /** Puts the run back in the queue when its thread died of another cause before the run began. */
  #assignAgain(run: Run, thread: CellThread): void {
    this.#active.delete(run.request.runId);
    this.#byThread.delete(thread);
    run.requeues += 1;
    run.thread = undefined;
    if (run.requeues > requeuesMax) {
      this.#end(run, failed('THREAD_CRASHED', 'no thread lived long enough to start the attempt', true));
    } else {
      this.#waiting.addFirst(run);
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

  #outOfTime(run: Run, thread: CellThread, outcome: RunOutcome): void {
    this.#requestStop(run, outcome);
    if (!run.started || thread.runs < 2) return;
    void strayIn(thread.id).then((stray) => {
      if (stray === undefined || run.stop?.outcome !== outcome) return;
      run.stop.outcome = { kind: 'lost', blame: 'unknown' };
      const text = `${stray} left code behind that held this thread: the attempt ends with it, and is not counted as a failure`;
      this.#options.emit({ kind: 'log', runId: run.request.runId, level: 'warn', text });
    });
  }

  #end(run: Run, outcome: RunOutcome, durationMs?: number): void {
    const { runId } = run.request;
    if (this.#active.delete(runId)) this.#sample(run);
    if (run.thread !== undefined) this.#byThread.delete(run.thread);
    const ranMs = run.takenAtMs === undefined ? 0 : performance.now() - run.takenAtMs;
    this.#options.emit({ kind: 'ended', runId, outcome, durationMs: durationMs ?? ranMs });
  }

  #arm(short: boolean): void {
    if (this.#timer !== undefined && (this.#timerIsShort || !short)) return;
    clearTimeout(this.#timer);
    this.#timerIsShort = short;
    this.#armedAtMs = performance.now();
    this.#timer = setTimeout(() => this.#tick(), short ? startPollMs : tickMs);
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const sampling = nowMs - this.#sampledAtMs >= sampleEveryMs;
    if (sampling) this.#sampledAtMs = nowMs;
    const stoodStill = nowMs - this.#armedAtMs > stoodStillMs;
    let starting = false;
    for (const run of this.#active.values()) {
      this.#observe(run, nowMs);
      lookForSigns(run, nowMs, stoodStill);
      this.#enforce(run, nowMs);
      if (sampling) this.#sample(run);
      starting ||= !run.started;
    }
    // The present runs take longer than those by which the look-ahead was sized.
    for (const run of this.#waiting.overdue(nowMs, this.#options.waitMaxMs, this.#threads)) {
      this.#end(run, { kind: 'released' });
    }
    if (this.#active.size > 0) this.#arm(starting && this.#waiting.size === 0);
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
    run.signAtMs = performance.now();
    this.#options.emit({ kind: 'started', runId: run.request.runId });
  }

  /** Takes the next step towards the end of the run, if it is due. */
  #enforce(run: Run, nowMs: number): void {
    const { request, thread } = run;
    if (thread === undefined) return;
    if (run.result !== undefined && run.leaving === undefined) {
      if (nowMs - run.result.atMs > notesMaxMs) this.#settle(run, run.result.result);
      return;
    }
    if (run.leaving !== undefined) {
      // Its thread is already ending.
    } else if (run.stop === undefined) {
      const passed = limitPassed(run, nowMs);
      if (passed !== undefined) this.#outOfTime(run, thread, passed);
      else if (run.takenAtMs === undefined && nowMs - run.assignedAtMs > takeMaxMs) this.#threads.terminate(thread);
    } else if (nowMs - run.stop.atMs >= this.#options.limits.graceMs(request.handler)) {
      this.#threads.terminate(thread);
    }
    if (!run.stuck && isStuck(run, nowMs)) {
      run.stuck = true;
      const outcome = run.leaving ?? run.stop?.outcome ?? { kind: 'lost', blame: 'unknown' };
      this.#options.emit({ kind: 'stuck', runId: request.runId, outcome });
    }
  }

  #sample(run: Run): void {
    const fraction = run.thread?.slot.progress ?? 0;
    if (fraction === run.fraction && !run.noted) return;
    run.fraction = fraction;
    run.noted = false;
    this.#options.emit({ kind: 'progress', runId: run.request.runId, fraction, note: run.note });
  }
}
