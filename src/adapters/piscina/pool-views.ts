/** Cells and runs as the pool shows them: what the parent knows, and what the cell said a second ago at most. */
import type { RunPoolStats, RunView } from '../../application/ports/run-pool.ts';
import type { CellKeeper } from './cell-keeper.ts';
import type { PoolRun } from './pool-run.ts';

export function cellStats(keeper: CellKeeper): RunPoolStats['cells'][number] {
  const { pid, state, restarts, threads, vitals } = keeper;
  return {
    pid,
    state,
    restarts,
    threads,
    busy: vitals?.runs.length ?? 0,
    leaked: vitals?.leaked ?? 0,
    rssBytes: vitals?.rssBytes ?? 0,
    eventLoopUtilization: vitals?.eventLoopUtilization ?? 0,
  };
}

export function runView(run: PoolRun, keeper: CellKeeper | undefined, nowMs: number): RunView {
  const { request, startedAtMs, fraction, note } = run;
  const { runId, jobId, attempt, handler, executionTimeoutMs, deadlineAtMs, suspect } = request;
  const waiting = { runId, jobId, attempt, handler, executionTimeoutMs, suspect, progress: fraction, note };
  const view = { ...waiting, ...(deadlineAtMs !== undefined && { deadlineAtMs }) };
  if (startedAtMs === undefined) return view;
  const told = keeper?.vitals?.runs.find(({ key }) => key === run.key);
  return {
    ...view,
    startedAgoMs: nowMs - startedAtMs,
    ...(keeper?.pid !== undefined && { cellPid: keeper.pid }),
    ...(told !== undefined && { thread: told.thread, pulseAgoMs: told.quietMs }),
  };
}
