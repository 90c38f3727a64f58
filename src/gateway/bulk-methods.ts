/** The methods that go over many jobs: each message says how far they are. They take the place of a watch meanwhile. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { BulkFailure } from '../application/bulk-jobs.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { fromFilter } from './job-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function bulkMethods({ useCases, scope, admission, mapper }: ServiceParts): UntypedServiceImplementation {
  const toFailures = (failures: readonly BulkFailure[], requestId: string): Init<wire.BulkFailure>[] =>
    failures.map(({ jobId, error }) => ({ jobId, error: mapper.toStatus(error, requestId) }));

  return {
    RedriveJobs: scope.stream<wire.RedriveJobsRequest, wire.RedriveJobsResponse>(
      'RedriveJobs',
      async function* (request, context) {
        const leave = admission.watch();
        try {
          const { queue, pageToken, redriveId, ratePerSecond: perSecond } = request;
          const query = { queue, pageToken, redriveId, perSecond, filter: fromFilter(request.filter) };
          for await (const { done, failures, ...step } of useCases.redriveJobs(context, query)) {
            yield { ...step, redriven: done, failures: toFailures(failures, context.requestId) };
          }
        } finally {
          leave();
        }
      },
    ),

    CancelJobs: scope.stream<wire.CancelJobsRequest, wire.CancelJobsResponse>(
      'CancelJobs',
      async function* (request, context) {
        const leave = admission.watch();
        try {
          const { queue, pageToken, reason } = request;
          const query = { queue, pageToken, reason, filter: fromFilter(request.filter) };
          for await (const { done, failures, ...step } of useCases.cancelJobs(context, query)) {
            yield { ...step, cancelled: done, failures: toFailures(failures, context.requestId) };
          }
        } finally {
          leave();
        }
      },
    ),
  };
}
