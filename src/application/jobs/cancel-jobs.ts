/**
 * Cancels every job that a filter finds. A job that ends meanwhile counts as refused. If the filter asks only for jobs
 * that are not running, a job that starts meanwhile counts as refused too.
 */
import { TroupeError } from '../../domain/errors.ts';
import { isTerminal, type JobState, jobStates } from '../../domain/job.ts';
import { type BulkJobsParts, type BulkQuery, type BulkStep, forEachJob } from './bulk-jobs.ts';
import type { ReadContext } from '../ports/call-context.ts';
import type { CancelJob } from './cancel-job.ts';

const runs: ReadonlySet<JobState> = new Set(['RUNNING', 'CANCELLING']);
const openStates = jobStates.filter((state) => !isTerminal(state));

interface CancelJobsQuery extends BulkQuery {
  readonly reason: string;
}

export type CancelJobs = (context: ReadContext, query: CancelJobsQuery) => AsyncGenerator<BulkStep, void>;

export function createCancelJobs(parts: BulkJobsParts & { readonly cancelJob: CancelJob }): CancelJobs {
  return async function* cancelJobs(context, query) {
    const ended = query.filter.states.findIndex((state) => isTerminal(state));
    if (ended >= 0) {
      const violations = [{ field: `filter.states[${ended}]`, description: `must be one of ${openStates.join(', ')}` }];
      throw new TroupeError('INVALID_ARGUMENT', { violations });
    }
    const unlessRunning = query.filter.states.length > 0 && !query.filter.states.some((state) => runs.has(state));
    yield* forEachJob(parts, context, query, {
      states: openStates,
      act: ({ id }) => parts.cancelJob(context, id, query.reason, { unlessRunning }),
    });
  };
}
