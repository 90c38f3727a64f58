/** Operations on many jobs. They continue after a lost connection. */
import type { CallParts } from './call-parts.ts';
import { randomUUID } from 'node:crypto';
import type { MethodCodec } from '../contract/codec.ts';
import type { StatusCodec } from '../contract/error-details.ts';
import type * as wire from '../contract/messages.ts';
import { errorOfStatus, TroupeClientError } from './client-error.ts';
import { toFilter } from './job-requests.ts';
import type { BulkOptions, BulkProgress, RedriveOptions } from './job-types.ts';
import { resumedStream } from './resumed-stream.ts';

/** Operations on many jobs of a queue. */
export interface BulkClient {
  /**
   * Submits again, as new jobs, all ended jobs of a queue that match. Default of `states`: FAILED and EXPIRED. Yields
   * the progress after each 100 jobs. No job is submitted twice by one operation, even if the connection is lost.
   */
  redrive(options?: RedriveOptions): AsyncGenerator<BulkProgress, void>;
  /**
   * Cancels all unfinished jobs of a queue that match. `reason` (at most 256 characters) is kept with the jobs. Yields
   * the progress after each 100 jobs.
   */
  cancelMany(options?: BulkOptions & { readonly reason?: string }): AsyncGenerator<BulkProgress, void>;
}

export interface BulkParts extends CallParts {
  readonly statusCodec: StatusCodec;
}

interface Step {
  readonly refused: number;
  readonly failures: readonly wire.BulkFailure[];
  readonly pageToken: string;
}

export function createBulkClient({ connection, contract, statusCodec, backoff }: BulkParts): BulkClient {
  async function* follow<Request extends { readonly pageToken: string }, Response extends Step>(
    method: MethodCodec<Request, Response>,
    request: Parameters<MethodCodec<Request, Response>['requestSerialize']>[0],
    doneOf: (step: Response) => number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<BulkProgress, void> {
    const steps = resumedStream(backoff, {
      open: (pageToken) => connection.stream(method, { ...request, pageToken }, { signal }),
      tokenOf: ({ pageToken }) => pageToken,
      signal,
    });
    for await (const step of steps) {
      yield { done: doneOf(step), refused: step.refused, failures: step.failures.map(toFailure) };
    }
  }

  function toFailure({ jobId, error }: wire.BulkFailure): BulkProgress['failures'][number] {
    const unknown = { code: 'UNEXPECTED_STATUS', message: 'no reason was given', status: 'UNKNOWN' } as const;
    return {
      jobId,
      error: error
        ? errorOfStatus(statusCodec, error)
        : new TroupeClientError({ ...unknown, retryable: false, outcome: 'unknown' }),
    };
  }

  return {
    redrive(options = {}) {
      // The client chooses the id, so that an operation whose first call was cut off is continued and not started
      // again.
      const redriveId = options.redriveId ?? randomUUID();
      const request = { queue: options.queue, filter: toFilter(options), ratePerSecond: options.perSecond, redriveId };
      return follow(contract.jobs.RedriveJobs, request, ({ redriven }) => redriven, options.signal);
    },
    cancelMany(options = {}) {
      const request = { queue: options.queue, filter: toFilter(options), reason: options.reason };
      return follow(contract.jobs.CancelJobs, request, ({ cancelled }) => cancelled, options.signal);
    },
  };
}
