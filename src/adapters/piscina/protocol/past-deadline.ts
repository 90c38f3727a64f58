import type { RunOutcome } from '../../../application/ports/run-pool.ts';

/** The end of a run whose job has no time left. Both the cell and its parent see to that. */
export function deadlineExceeded(): RunOutcome {
  const message = 'the time of the whole job is over';
  return { kind: 'failed', failure: { reason: 'DEADLINE_EXCEEDED', message }, retryable: false };
}
