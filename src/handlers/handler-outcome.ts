/** How a run of a handler ends, before its output is stored. */
import type { AttemptOutcome, RunOutput } from '../domain/attempt-outcome.ts';

/** How a handler can end an attempt. `stopped`: it noticed the request to stop and returned. */
export type HandlerOutcome = Exclude<AttemptOutcome<RunOutput>, { readonly kind: 'released' | 'lost' }>;
