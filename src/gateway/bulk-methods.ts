/**
 * The methods that operate on many jobs. Each message reports the progress. Admission counts each operation as a watch, and each copy that a
 * redrive makes as a submit, with the input that it loads.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { BulkFailure } from '../application/jobs/bulk-jobs.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { fromFilter } from './job-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function bulkMethods({ useCases, scope, admission, mapper }: ServiceParts): UntypedServiceImplementation {
  const toFailures = (failures: readonly BulkFailure[], requestId: string): Init<wire.BulkFailure>[] =>
    failures.map(({ jobId, error }) => ({ jobId, error: mapper.toStatus(error, requestId) }));

  return {
    RedriveJobs: scope.stream(
      'RedriveJobs',
      ({ filter, queue, pageToken, redriveId, ratePerSecond: perSecond }, context) =>
        admission.watch(
          context.tenant,
          () =>
            useCases.redriveJobs(context, {
              queue,
              pageToken,
              redriveId,
              perSecond,
              filter: fromFilter(filter),
              admit: (bytes, submit) => admission.submit(context.tenant, { jobs: 1, bytes }, submit),
            }),
          ({ done, failures, ...step }) => ({
            ...step,
            redriven: done,
            failures: toFailures(failures, context.requestId),
          }),
        ),
    ),

    CancelJobs: scope.stream('CancelJobs', ({ filter, queue, pageToken, reason }, context) =>
      admission.watch(
        context.tenant,
        () => useCases.cancelJobs(context, { queue, pageToken, reason, filter: fromFilter(filter) }),
        ({ done, failures, ...step }) => ({
          ...step,
          cancelled: done,
          failures: toFailures(failures, context.requestId),
        }),
      ),
    ),
  };
}
