/** Stops runs: those that a shard no longer wants, and all of them when the node drains. */
import type { AttemptReports } from './attempt-reports.ts';
import type { AttemptParts } from './attempt-table.ts';

export class AttemptStops {
  readonly #parts: AttemptParts & { readonly reports: AttemptReports };
  /** While this is true, a granted attempt is released before it begins. */
  isDraining = false;
  #onDrained: (() => void) | undefined;

  constructor(parts: AttemptParts & { readonly reports: AttemptReports }) {
    this.#parts = parts;
  }

  stop(runId: string, why: 'cancel' | 'stale' | 'drain'): void {
    const { services, runs, reports } = this.#parts;
    const run = runs.get(runId);
    if (run === undefined) return;
    if (why === 'stale') run.superseded = true;
    if (run.phase === 'reporting') {
      if (run.superseded) reports.forget(run);
      return;
    }
    const mustCancel = run.phase !== 'fetching' && !run.cancelled;
    run.cancelled = true;
    if (mustCancel) services.pool.cancel(runId);
  }

  /** The grace is over. The pool cancels what still runs, and kills what does not end. */
  stopAll(): void {
    for (const { runId } of this.#parts.runs.all()) this.stop(runId, 'drain');
  }

  /**
   * The actor ends, and what it knows of its runs with it. So their code must end, too: nobody could stop it any more,
   * while the shards give their jobs to other nodes.
   */
  abandon(): void {
    const { services, runs } = this.#parts;
    for (const { runId, phase } of runs.all()) {
      if (phase === 'handed' || phase === 'running') services.pool.cancel(runId);
    }
  }

  drain(done: () => void): void {
    this.isDraining = true;
    this.#onDrained = done;
  }

  tellIfDrained(): void {
    if (this.#onDrained === undefined || !this.#parts.runs.isEmpty) return;
    this.#onDrained();
    this.#onDrained = undefined;
  }
}
