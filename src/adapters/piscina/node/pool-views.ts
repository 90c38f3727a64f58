/** Cells and runs as the pool shows them: what the parent knows, and what the cell reported at most a second ago. */
import type { CellStats, RunPoolStats, RunView } from '../../../application/ports/run-pool.ts';
import type { CellSupervisor } from './cell-supervisor.ts';
import type { PoolRun, RunHome } from './pool-run.ts';
import { given } from '../../../domain/given.ts';

export function poolStats(
  supervisors: readonly CellSupervisor[],
  counts: { readonly threads: number; readonly busy: number; readonly held: number },
): RunPoolStats {
  const cells = supervisors.map(cellStats);
  return {
    threads: counts.threads,
    busy: counts.busy,
    waiting: counts.held - counts.busy,
    leaked: cells.reduce((sum, { leaked }) => sum + leaked, 0),
    rssBytes: cells.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    cells,
  };
}

function cellStats(supervisor: CellSupervisor): CellStats {
  const { pid, state, restarts, threads, vitals } = supervisor;
  return {
    pid,
    state,
    restarts,
    threads,
    threadsAlive: vitals?.threadsAlive ?? 0,
    busy: vitals?.runs.length ?? 0,
    leaked: vitals?.leaked ?? 0,
    rssBytes: vitals?.rssBytes ?? 0,
    eventLoopUtilization: vitals?.eventLoopUtilization ?? 0,
  };
}

export function runView(run: PoolRun, home: RunHome | undefined, nowMs: number): RunView {
  const { request, startedAtMs, fraction, note } = run;
  const { runId, jobId, attempt, handler, executionTimeoutMs, deadlineAtMs, suspect } = request;
  const waiting = { runId, jobId, attempt, handler, executionTimeoutMs, suspect, progress: fraction, note };
  const view = { ...waiting, ...given({ deadlineAtMs }) };
  if (startedAtMs === undefined) return view;
  const told = home?.vitals?.runs.find((vitals) => vitals.runId === runId);
  return {
    ...view,
    startedAgoMs: nowMs - startedAtMs,
    ...given({
      cellPid: home?.pid,
      thread: told?.thread,
      pulseAgoMs: told?.quietMs,
    }),
  };
}
