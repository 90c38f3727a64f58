/** The outcome of a run whose job has no time left. */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';

/** Both the cell and its parent end such runs. */
export function deadlineExceeded(): RunOutcome {
  const message = 'the time of the whole job is over';
  return { kind: 'failed', failure: { reason: 'DEADLINE_EXCEEDED', message }, retryable: false };
}
