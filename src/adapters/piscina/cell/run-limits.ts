/** The limits of a run in its thread: when it has to end although nobody asked for it, and how it then ends. */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import { isPastDeadline, type Run } from './cell-run.ts';
import { deadlineExceeded } from '../protocol/past-deadline.ts';
import { heartbeatLost, timedOut } from './run-endings.ts';

/**
 * Looks for a sign of life since the last look. `stoodStill`: this process did, so the silence may be its own and is
 * counted from now on.
 */
export function lookForSigns(run: Run, nowMs: number, stoodStill = false): void {
  const signs = (run.thread?.slot.pulse ?? 0) + run.heard;
  if (signs === run.signs && !stoodStill) return;
  run.signs = signs;
  run.signAtMs = nowMs;
}

/**
 * How it ends if it has to end now. Of several limits, the end of the job comes before that of the attempt, and that before
 * its silence. Silence counts from the first instruction of the handler: what is loaded before cannot give a sign.
 */
export function limitPassed(run: Run, nowMs: number): RunOutcome | undefined {
  const { request, takenAtMs, started, signAtMs } = run;
  const { executionTimeoutMs, heartbeatTimeoutMs } = request;
  if (isPastDeadline(run)) return deadlineExceeded();
  if (takenAtMs !== undefined && nowMs - takenAtMs >= executionTimeoutMs) return timedOut(executionTimeoutMs);
  const isSilent = heartbeatTimeoutMs !== undefined && started && nowMs - signAtMs >= heartbeatTimeoutMs;
  return isSilent ? heartbeatLost(heartbeatTimeoutMs) : undefined;
}
