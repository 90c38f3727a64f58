/** Outcomes that say how a run failed. Both the cell and its parent end runs. */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import type { FailureReason } from '../../../domain/job.ts';

export function failed(reason: FailureReason, message: string, retryable: boolean): RunOutcome {
  return { kind: 'failed', failure: { reason, message }, retryable };
}

/** The outcome of a run whose job has no time left. */
export function deadlineExceeded(): RunOutcome {
  return failed('DEADLINE_EXCEEDED', 'the time of the whole job is over', false);
}
