/** The limits of a run in its thread: when the run must end although nobody asked for it, and with which outcome. */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import { isPastDeadline, type Run } from './cell-run.ts';
import { exitMaxMs } from './cell-threads.ts';
import { deadlineExceeded } from '../protocol/run-failure.ts';
import { heartbeatLost, timedOut } from './run-endings.ts';

/**
 * Checks for a sign of life since the last check. `stoodStill`: this process did not run for a while, so the silence
 * may be its own, and a thread that was told to end has had no time to do so. Both count from now on.
 */
export function lookForSigns(run: Run, nowMs: number, stoodStill = false): void {
  if (stoodStill && run.thread?.terminatedAtMs !== undefined) run.thread.terminatedAtMs = nowMs;
  const signs = (run.thread?.slot.pulse ?? 0) + run.heard;
  if (signs === run.signs && !stoodStill) return;
  run.signs = signs;
  run.signAtMs = nowMs;
}

/** Its thread was told to end and is still there: it is in native code, and only the process can end it. */
export function isStuck({ thread }: Run, nowMs: number): boolean {
  return thread?.terminatedAtMs !== undefined && nowMs - thread.terminatedAtMs >= exitMaxMs;
}

/**
 * The outcome of a run that must end now; undefined if it need not. If several limits are exceeded, the deadline of the
 * job comes first, then the timeout of the attempt, then its silence. Silence counts from the first instruction of the
 * handler, because nothing can give a sign while the handler is loaded.
 */
export function limitPassed(run: Run, nowMs: number): RunOutcome | undefined {
  const { request, takenAtMs, started, signAtMs } = run;
  const { executionTimeoutMs, heartbeatTimeoutMs } = request;
  if (isPastDeadline(run)) return deadlineExceeded();
  if (takenAtMs !== undefined && nowMs - takenAtMs >= executionTimeoutMs) return timedOut(executionTimeoutMs);
  const isSilent = heartbeatTimeoutMs !== undefined && started && nowMs - signAtMs >= heartbeatTimeoutMs;
  return isSilent ? heartbeatLost(heartbeatTimeoutMs) : undefined;
}
