/** The ways a cell itself ends a run, in words for its job. */
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { FailureReason } from '../../domain/job.ts';

export function failed(reason: FailureReason, message: string, retryable: boolean): RunOutcome {
  return { kind: 'failed', failure: { reason, message }, retryable };
}

export function deadlineExceeded(): RunOutcome {
  return failed('DEADLINE_EXCEEDED', 'the time of the whole job is over', false);
}

export function timedOut(executionTimeoutMs: number): RunOutcome {
  return failed('ATTEMPT_TIMED_OUT', `the attempt ran longer than ${executionTimeoutMs} ms`, true);
}
