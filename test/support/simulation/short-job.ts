/** Submits a short job that succeeds at once, as loads do that are about something else. */
import { emptyJobRequest, type JobRequest } from '../../../src/application/jobs/job-request.ts';
import { parseJobId } from '../../../src/domain/job-id.ts';
import type { JobScript } from './executions.ts';
import type { SimCaller } from './sim-caller.ts';
import type { SimNode } from './sim-node.ts';
import type { Witness } from './witness.ts';

export interface ShortJob {
  /** Counts the jobs of a load. */
  readonly n: number;
  readonly handler: string;
  /** Longest duration of an attempt. Default: 300. */
  readonly longMs?: number;
  readonly node: SimNode | undefined;
  readonly options: Partial<JobRequest>;
}

/** The witness hears of the job if it is accepted. */
export function submitShortJob(caller: SimCaller, witness: Witness, job: ShortJob): void {
  const plain = { failRate: 0, rejectRate: 0, killRate: 0, outputBytes: 0, once: false };
  const { n, handler, node, options, longMs = 300 } = job;
  const script: JobScript = { n, longMs, ...plain };
  const request: JobRequest = {
    ...emptyJobRequest,
    handler,
    input: { kind: 'json', json: JSON.stringify(script) },
    executionTimeoutMs: 4_000,
    ...options,
  };
  caller
    .ask((useCases, context) => useCases.submit.one(context, request), node)
    .then(
      ({ jobId }) => {
        const id = parseJobId(jobId);
        if (id !== undefined) witness.accept(id, caller.tenant);
      },
      (error: unknown) => {
        caller.refused(error);
      },
    );
}
