/** The runs of this node, and how many are in each phase. */
import type { ActorContext } from '../../kernel/actor.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import type { NodeAttempt, Phase } from './node-attempt.ts';
import type { WorkerServices } from './worker-services.ts';

/** What every part of the `runs` actor is given. */
export interface AttemptParts {
  readonly services: WorkerServices;
  readonly context: ActorContext<AttemptsMessage>;
  readonly runs: AttemptTable;
}

export class AttemptTable {
  readonly #runs = new Map<string, NodeAttempt>();
  /** Runs by phase, and claims without an answer, which may yet become runs. */
  readonly counts = { claiming: 0, fetching: 0, handed: 0, running: 0, reporting: 0 };

  get isEmpty(): boolean {
    return this.#runs.size === 0 && this.counts.claiming === 0;
  }

  get(runId: string): NodeAttempt | undefined {
    return this.#runs.get(runId);
  }

  /** False once the run is forgotten. An answer about it may still come, and must plan nothing. */
  holds(run: NodeAttempt): boolean {
    return this.#runs.get(run.runId) === run;
  }

  all(): readonly NodeAttempt[] {
    return [...this.#runs.values()];
  }

  add(run: NodeAttempt): void {
    this.#runs.set(run.runId, run);
    this.counts[run.phase] += 1;
  }

  enter(run: NodeAttempt, phase: Phase): void {
    this.counts[run.phase] -= 1;
    this.counts[phase] += 1;
    run.phase = phase;
  }

  /** Returns false if the run is not in the table. */
  remove(run: NodeAttempt): boolean {
    if (!this.#runs.delete(run.runId)) return false;
    this.counts[run.phase] -= 1;
    return true;
  }
}
