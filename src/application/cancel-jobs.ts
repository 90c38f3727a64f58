/** Cancels every job that a filter finds. A job that ended meanwhile is counted as refused. */
import { TroupeError } from '../domain/errors.ts';
import { isTerminal, jobStates } from '../domain/job.ts';
import { forEachJob } from './bulk-jobs.ts';
import type { BulkParts, BulkQuery, BulkStep } from './bulk-jobs.ts';
import type { CallContext } from './call-context.ts';
import type { CancelJob } from './cancel-job.ts';

const openStates = jobStates.filter((state) => !isTerminal(state));

export interface CancelJobsQuery extends BulkQuery {
  readonly reason: string;
}

export type CancelJobs = (context: CallContext, query: CancelJobsQuery) => AsyncGenerator<BulkStep, void>;

export function createCancelJobs(parts: BulkParts & { readonly cancelJob: CancelJob }): CancelJobs {
  return async function* cancelJobs(context, query) {
    const ended = query.filter.states.findIndex((state) => isTerminal(state));
    if (ended >= 0) {
      const violations = [{ field: `filter.states[${ended}]`, description: `must be one of ${openStates.join(', ')}` }];
      throw new TroupeError('INVALID_ARGUMENT', { violations });
    }
    yield* forEachJob(parts, context, query, {
      states: openStates,
      act: ({ id }) => parts.cancelJob(context, id, query.reason),
    });
  };
}
