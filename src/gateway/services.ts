/** The methods of Jobs and Queues. Each maps a request, calls its use case and maps the answer. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallContext } from '../application/ports/call-context.ts';
import type { FullJob } from '../application/jobs/get-job.ts';
import { type JobRequest, payloadBytes } from '../application/jobs/job-request.ts';
import { TroupeError } from '../domain/errors.ts';
import { bulkMethods } from './bulk-methods.ts';
import {
  fromBatchedRequest,
  fromFilter,
  fromListRequest,
  fromRetryRequest,
  fromSubmitRequest,
  fromWhen,
  toAccepted,
  toJob,
} from './job-mapper.ts';
import { linkMethods } from './link-methods.ts';
import { payloadMethods } from './payload-methods.ts';
import { answerAccepted } from './accepted-job.ts';
import { fromSettings, toQueue } from './queue-mapper.ts';
import { toQueueStats } from './queue-stats-mapper.ts';
import { fromReadMask } from './read-mask.ts';
import { toFailureKinds } from './failure-kind-mapper.ts';
import { toOptionalTime } from '../contract/time.ts';
import { toLog } from './log-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function jobsService(parts: ServiceParts): UntypedServiceImplementation {
  const { useCases, scope, admission, mapper } = parts;
  const show = async (context: CallContext, view: FullJob, options?: { readonly history: boolean }) =>
    toJob(await useCases.readable(context, view), context.principal, options);
  return {
    SubmitJob: scope.unary('SubmitJob', async (request, context) => {
      const job = fromSubmitRequest(request);
      return admission.submit(context.tenant, loadOf([job]), async () =>
        answerAccepted(context, await useCases.submit.one(context, job)),
      );
    }),

    SubmitJobs: scope.unary('SubmitJobs', async (request, context) => {
      const jobs = request.requests.map(fromBatchedRequest);
      const outcomes = await admission.submit(context.tenant, loadOf(jobs), () => useCases.submit.many(context, jobs));
      return {
        outcomes: outcomes.map((outcome) =>
          'ok' in outcome
            ? { accepted: answerAccepted(context, outcome.ok) }
            : { error: mapper.toStatus(outcome.error, context.requestId) },
        ),
      };
    }),

    GetJob: scope.read('GetJob', async (request, context) => ({
      job: await show(context, await useCases.getJob(context, request.jobId, { explain: request.explain }), {
        history: true,
      }),
    })),

    GetJobs: scope.read('GetJobs', async (request, context) => {
      const mask = fromReadMask(request.readMask);
      const { views, missing } = await useCases.getJobs(context, request.jobIds, mask);
      const jobs = views.map(async (view) => {
        const shown = await useCases.readable(context, view);
        return mask.pick(toJob(shown, context.principal, mask));
      });
      return { jobs: await Promise.all(jobs), missing };
    }),

    ListJobs: scope.read('ListJobs', async (request, context) => {
      const { records, nextPageToken, searchedToMs } = await useCases.listJobs(context, fromListRequest(request));
      const jobs = await Promise.all(records.map((record) => show(context, { record })));
      return { jobs, nextPageToken, searchedTo: toOptionalTime(searchedToMs) };
    }),

    ListFailureKinds: scope.read('ListFailureKinds', async ({ queue, filter, pageToken }, context) =>
      toFailureKinds(await useCases.listFailureKinds(context, { ...fromFilter(filter), queue, pageToken })),
    ),

    CancelJob: scope.unary('CancelJob', async (request, context) => ({
      job: await show(context, await useCases.cancelJob(context, request.jobId, request.reason)),
    })),

    EraseJobPayloads: scope.unary('EraseJobPayloads', async (request, context) => ({
      job: await show(context, await useCases.eraseJobPayloads(context, request.jobId)),
    })),

    RescheduleJob: scope.unary('RescheduleJob', async (request, context) => ({
      job: await show(context, await useCases.rescheduleJob(context, request.jobId, fromWhen(request))),
    })),

    RetryJob: scope.unary('RetryJob', async (request, context) => {
      const retry = fromRetryRequest(request);
      const bytes = retry.input ? payloadBytes(retry.input) : 0;
      return admission.submit(context.tenant, { jobs: 1, bytes }, async (loads) =>
        toAccepted(await useCases.retryJob.one(context, { ...retry, loads })),
      );
    }),

    ...bulkMethods(parts),
    ...payloadMethods(parts),
    ...linkMethods(parts),
    ...watchMethods(parts),

    GetJobLog: scope.read('GetJobLog', async (request, context) => ({
      log: toLog(await useCases.getJobLog(context, request.jobId)),
    })),
  };
}

function watchMethods({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  return {
    WatchJob: scope.stream('WatchJob', (request, context) =>
      admission.watch(
        context.tenant,
        () => useCases.watchJob(context, request.jobId, { token: request.resumeToken, logs: request.includeLogs }),
        ({ job, resumeToken, log }) => ({ job: toJob(job, context.principal), resumeToken, log: log && toLog(log) }),
      ),
    ),

    WatchJobs: scope.stream('WatchJobs', (request, context) =>
      admission.watch(
        context.tenant,
        () => {
          const { queue, filter, resumeToken: token } = request;
          return useCases.watchJobs(context, { queue, filter: fromFilter(filter), token });
        },
        ({ record, ...update }) => ({ ...update, job: record && toJob({ record }, context.principal) }),
      ),
    ),
  };
}

export function queuesService({ useCases: { queues }, scope }: ServiceParts): UntypedServiceImplementation {
  return {
    CreateQueue: scope.unary('CreateQueue', async (request, context) => ({
      queue: toQueue(await queues.create(context, request.name, fromSettings(request.settings))),
    })),

    DeleteQueue: scope.unary('DeleteQueue', async (request, context) => {
      await queues.remove(context, request.name);
      return {};
    }),

    GetQueue: scope.read('GetQueue', async (request, context) => ({
      queue: toQueue(await queues.get(context, request.name)),
    })),

    GetQueueStats: scope.read('GetQueueStats', async (request, context) => ({
      stats: toQueueStats(await queues.stats(context, request.name)),
    })),

    ListQueues: scope.read('ListQueues', async (request, context) => {
      const page = await queues.list(context, request);
      return { queues: page.queues.map(toQueue), nextPageToken: page.nextPageToken };
    }),

    UpdateQueue: scope.unary('UpdateQueue', async (request, context) => {
      const { name, version } = request;
      const settings = fromSettings(request.settings, request.updateMask);
      return { queue: toQueue(await queues.update(context, { name, version, settings })) };
    }),
  };
}

/**
 * What a batch counts against the limits of admission. Only the inputs count as bytes; the message limit bounds the
 * rest.
 */
function loadOf(jobs: readonly (JobRequest | TroupeError)[]): { readonly jobs: number; readonly bytes: number } {
  const inputs = jobs.map((job) => (job instanceof TroupeError ? undefined : job.input));
  return { jobs: jobs.length, bytes: inputs.reduce((sum, input) => sum + (input ? payloadBytes(input) : 0), 0) };
}
