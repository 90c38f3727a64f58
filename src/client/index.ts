/**
 * The TypeScript client of Troupe.
 *
 *     const troupe = connect({ address: '127.0.0.1:50051' });
 *     const { jobId } = await troupe.submit('image.thumbnail', { width: 200 });
 *     const job = await troupe.wait(jobId);
 *
 * Every call rejects with TroupeClientError only. Calls that are safe to repeat are retried (see `retry`). A submit
 * without an idempotency key is retried only if it certainly had no effect.
 */
import type { CallParts } from './call-parts.ts';
import { type Init, loadContract } from '../contract/codec.ts';
import { createStatusCodec, type StatusCodec } from '../contract/error-details.ts';
import type * as wire from '../contract/messages.ts';
import { type AccessClient, createAccessClient } from './access-client.ts';
import { type AccountsClient, createAccountsClient } from './accounts-client.ts';
import { type AuditClient, createAuditClient } from './audit-client.ts';
import { type ClusterClient, createClusterClient } from './cluster-client.ts';
import { clientErrorOf, errorOfStatus, incompleteAnswer, type TroupeClientError } from './client-error.ts';
import { type CallSettings, type ConnectionOptions, defaultTimeoutMs, openConnection } from './connection.ts';
import { type BulkClient, createBulkClient } from './bulk.ts';
import { createDraftRequests, type DraftRequests, type OpenDraft } from './draft-requests.ts';
import { type DownloadOptions, downloadPayload } from './download.ts';
import { type FailureKindsInfo, type FailureKindsOptions, listFailureKinds } from './failure-kinds.ts';
import { createJobCalls, type JobCalls } from './job-calls.ts';
import { jobReader } from './job-codec.ts';
import { type JobLog, readLog } from './job-log.ts';
import { fromSubmitResponse } from './job-mapper.ts';
import type { JobDraft, JobInfo, JobOptions, SubmittedJob } from './job-types.ts';
import { createLinksClient, type LinksClient } from './links.ts';
import { createEventsClient, type EventsClient } from './events-client.ts';
import { createTenantsClient, type TenantsClient } from './tenants-client.ts';
import type { PayloadCodec } from '../domain/payload-codec.ts';
import { createQueuesClient, type QueuesClient } from './queues-client.ts';
import { withClientErrors } from './rejections.ts';
import { createBackoff, mayRepeat, type RetryOptions, withRetries } from './retry.ts';
import { chunks, createSubmitCoalescer, type ItemOutcome, requestBytes } from './submit-coalescer.ts';
import { type InputSource, submitStream } from './upload.ts';
import {
  type WatchedJob,
  type WatchedJobs,
  watchJob,
  watchJobs,
  type WatchJobsOptions,
  type WatchOptions,
} from './watch.ts';

export { applyQueues, plansOf } from './apply-queues.ts';
export type { ApplyOptions, QueueStep } from './apply-queues.ts';
export { applyTenants, tenantPlansOf } from './apply-tenants.ts';
export type { ApplyTenantsOptions, TenantStep } from './apply-tenants.ts';
export { TroupeClientError } from './client-error.ts';
export { hostPortOf } from './target.ts';
export type { HostPort } from './target.ts';
export { JsonText } from './json-text.ts';
export type { ClientErrorCode } from './client-error.ts';
export type { ClusterClient } from './cluster-client.ts';
export type * from './cluster-types.ts';
export type * from './overview-types.ts';
export type { AccessClient, CallerInfo } from './access-client.ts';
export type { AccountsClient, ApiKeyInfo, MadeApiKey, ServiceAccountInfo } from './accounts-client.ts';
export type {
  EventBacklogInfo,
  EventsClient,
  EventSubscriptionInfo,
  EventSubscriptionOptions,
  FollowerLoginInfo,
} from './events-client.ts';
export type {
  TenantChange,
  TenantDeletion,
  TenantInfo,
  TenantQuotasInfo,
  TenantsClient,
  TenantUseInfo,
} from './tenants-client.ts';
export type {
  AuditChainInfo,
  AuditClient,
  AuditEntryInfo,
  AuditHeadInfo,
  AuditListOptions,
  AuditRowInfo,
} from './audit-client.ts';
export type { TlsOptions } from './tls.ts';
export type { TokenSource } from './token-source.ts';
export type { CallSettings } from './connection.ts';
export type { DownloadOptions } from './download.ts';
export type { FailureKindInfo, FailureKindsInfo, FailureKindsOptions } from './failure-kinds.ts';
export type * from './flow.ts';
export type { JobLog, JobLogLine } from './job-log.ts';
export type * from './job-types.ts';
export type { DurationQuantiles, QueueStatsInfo } from './queue-stats.ts';
export { planQueues } from './queue-plan.ts';
export type { DeclaredTenant, DeclaredTenants, TenantPlan } from './tenant-plan.ts';
export type { DeclaredQueues, QueuePlan, SettingChange, SettingValue } from './queue-plan.ts';
export type { QueuesClient } from './queues-client.ts';
export type { BegunUpload, LinksClient, PayloadLink, UploadFacts } from './links.ts';
export type { CodecContext, CodecField, PayloadCodec } from '../domain/payload-codec.ts';
export type { RetryOptions } from './retry.ts';
export type { InputSource } from './upload.ts';
export type { WatchedJob, WatchedJobs, WatchJobsOptions, WatchOptions } from './watch.ts';

/** How to connect, and the defaults of all calls. */
export interface ClientOptions extends ConnectionOptions {
  /** How failed calls are retried. */
  readonly retry?: RetryOptions;
  /** Send the submits of one turn of the event loop as one call. Default: true. */
  readonly coalesce?: boolean;
  /** Parses the JSON of inputs and outputs. Default: JSON.parse, which rounds numbers that a double cannot hold. */
  readonly parseJson?: (text: string) => unknown;
  /**
   * Encodes inputs before they are sent, and decodes inputs, outputs and the texts of failures. The handlers need the same
   * (`defineHandler({ codec })`). Default: none.
   */
  readonly codec?: PayloadCodec;
  /** Default of `idempotent` for every submit and retry. Default: false. */
  readonly idempotent?: boolean;
}

/** The outcome of one draft of `submitMany`. `error` is a TroupeClientError. */
export type SubmitOutcome = { readonly ok: SubmittedJob } | { readonly error: unknown };

/** A client of one gateway. Calls reject with TroupeClientError. */
export interface TroupeClient extends JobCalls, BulkClient, LinksClient {
  /**
   * Submits a job. Once it resolves, the job is durable. `input` is a JSON value, bytes as a Uint8Array, or JSON text
   * as a JsonText. Undefined is the JSON value null. Rejects with INVALID_JOB_SPEC if a field is invalid, and with
   * QUEUE_FULL if the queue has reached its limit.
   */
  submit(handler: string, input?: unknown, options?: JobOptions & CallSettings): Promise<SubmittedJob>;
  /**
   * Submits a job whose input is bytes. They are sent as they are read, so they need not fit in memory. Default
   * timeout: 1 hour.
   */
  submitStream(handler: string, source: InputSource, options?: JobOptions & CallSettings): Promise<SubmittedJob>;
  /**
   * Submits any number of jobs. Resolves to one outcome per draft, in order. An error of one draft does not affect the
   * others.
   */
  submitMany(drafts: readonly JobDraft[], settings?: CallSettings): Promise<readonly SubmitOutcome[]>;
  /**
   * Downloads the output or the input of a job in chunks. JSON arrives as UTF-8 text. Throws PAYLOAD_GONE if the
   * payload was erased or has expired, and UNEXPECTED_STATUS at the end if the checksum does not match.
   */
  download(jobId: string, options?: DownloadOptions): AsyncGenerator<Uint8Array, void>;
  /**
   * Groups the FAILED jobs of a queue by kind of failure, by default those that ended in the last 24 hours. Looks at the newest
   * first, and says how far it came.
   */
  failureKinds(options?: FailureKindsOptions): Promise<FailureKindsInfo>;
  /** Reads the log lines of a job's attempts, as far as they are kept. */
  log(jobId: string, settings?: CallSettings): Promise<JobLog>;
  /** Yields the job as it is now, then its changes up to its final state. It continues after a lost connection. */
  watch(jobId: string, options?: WatchOptions): AsyncGenerator<WatchedJob, void>;
  /** Yields the jobs of a queue as they change. It continues after a lost connection, and ends only by `signal`. */
  watchJobs(options?: WatchJobsOptions): AsyncGenerator<WatchedJobs, void>;
  /**
   * Waits until the job is final. Resolves to the job in any final state; a failed job is not an error of this call.
   */
  wait(jobId: string, options?: Pick<WatchOptions, 'signal'>): Promise<JobInfo>;
  /** The queues of the tenant. */
  readonly queues: QueuesClient;
  /** The cluster, for operators. */
  readonly cluster: ClusterClient;
  /** Who the caller is, and what it may do. */
  readonly access: AccessClient;
  /** The service accounts of the tenant and their API keys. */
  readonly accounts: AccountsClient;
  /** The tenants of the cluster, for its administrators; and the caller's own. */
  readonly tenants: TenantsClient;
  /** Subscriptions to the events of jobs, which programs read on NATS. */
  readonly events: EventsClient;
  /** Who did what: the audit log. */
  readonly audit: AuditClient;
  /** Closes the connection. Open streams end with CALL_CANCELLED. Other calls in progress still get their answers. */
  close(): void;
}

/** A gateway accepts 1,000 jobs per call. Smaller calls let it answer others in between. */
const batchLimits = { maxJobs: 500, maxBytes: 4 * 1_048_576 };

/** Creates a client. It connects with the first call. Throws INVALID_ARGUMENT if the address, the token or the TLS is invalid. */
export function connect(options: ClientOptions): TroupeClient {
  const contract = loadContract();
  const statusCodec = createStatusCodec(contract);
  const connection = openConnection(options, statusCodec);
  const backoff = createBackoff(options.retry ?? {});
  const { codec, timeoutMs = defaultTimeoutMs } = options;
  const readJob = jobReader(codec, options.parseJson ?? JSON.parse, timeoutMs);
  const parts = { connection, contract, backoff, readJob, codec, timeoutMs };
  const drafts = createDraftRequests(parts, options.idempotent ?? false);
  const submitting = createSubmitting({ ...parts, statusCodec, options, drafts });
  const calls = createJobCalls({ ...parts, idempotent: options.idempotent ?? false });

  const log = (jobId: string, settings: CallSettings = {}): Promise<JobLog> => readLog(parts, jobId, settings);

  const follow = (query: WatchJobsOptions = {}): AsyncGenerator<WatchedJobs, void> => watchJobs(parts, query);

  const watch = (jobId: string, watchOptions: WatchOptions = {}): AsyncGenerator<WatchedJob, void> =>
    watchJob(parts, jobId, watchOptions);

  async function wait(jobId: string, waitOptions: Pick<WatchOptions, 'signal'> = {}): Promise<JobInfo> {
    for await (const { job } of watch(jobId, waitOptions)) {
      if (job.final) return job;
    }
    // A watch ends with the final state. If a gateway ends it earlier, ask for the job.
    return calls.get(jobId, waitOptions);
  }

  const download = (jobId: string, downloadOptions: DownloadOptions = {}): AsyncGenerator<Uint8Array, void> =>
    downloadPayload(parts, jobId, downloadOptions);

  const queues = createQueuesClient(parts);
  const bulk = createBulkClient({ ...parts, statusCodec });
  const upload: TroupeClient['submitStream'] = async (handler, source, job = {}) =>
    submitStream(parts, { handler, source, job, idempotencyKey: drafts.keyOf(job) });

  const failureKinds = (kinds: FailureKindsOptions = {}): Promise<FailureKindsInfo> => listFailureKinds(parts, kinds);
  const streams = { submitStream: upload, download, log, failureKinds, watch, watchJobs: follow, wait };
  const all = { ...submitting, ...calls, ...streams, ...bulk, ...createLinksClient(parts) };
  return {
    ...withClientErrors(all),
    queues: withClientErrors(queues),
    cluster: withClientErrors(createClusterClient(parts)),
    access: withClientErrors(createAccessClient(parts)),
    accounts: withClientErrors(createAccountsClient(parts)),
    tenants: withClientErrors(createTenantsClient(parts)),
    events: withClientErrors(createEventsClient(parts)),
    audit: withClientErrors(createAuditClient(parts)),
    close: () => connection.close(),
  };
}

interface SubmittingParts extends CallParts {
  readonly statusCodec: StatusCodec;
  readonly options: ClientOptions;
  readonly drafts: DraftRequests;
}

function createSubmitting(parts: SubmittingParts): Pick<TroupeClient, 'submit' | 'submitMany'> {
  const { contract, statusCodec, connection, backoff, options, drafts: requests } = parts;
  const { SubmitJob, SubmitJobs } = contract.jobs;

  async function sendBatch(
    requests: readonly Init<wire.SubmitJobRequest>[],
    settings: CallSettings = {},
  ): Promise<readonly ItemOutcome<SubmittedJob>[]> {
    const [only] = requests;
    if (only && requests.length === 1) {
      return [{ ok: fromSubmitResponse(await connection.unary(SubmitJob, only, settings)) }];
    }
    const { outcomes } = await connection.unary(SubmitJobs, { requests }, settings);
    return outcomes.map(({ accepted, error }) =>
      accepted
        ? { ok: fromSubmitResponse(accepted) }
        : {
            error: error
              ? errorOfStatus(statusCodec, error)
              : incompleteAnswer('the gateway answered without an outcome'),
          },
    );
  }

  const coalesced = createSubmitCoalescer(sendBatch, batchLimits);

  async function submit(handler: string, input?: unknown, job: JobOptions & CallSettings = {}): Promise<SubmittedJob> {
    const key = requests.keyOf(job);
    const { timeoutMs, signal, traceparent } = job;
    const request = await requests.requestOf({ ...job, handler, input }, key, { timeoutMs, signal });
    // A submit with its own settings needs its own call.
    const alone =
      options.coalesce === false || timeoutMs !== undefined || signal !== undefined || traceparent !== undefined;
    return withRetries(backoff, key === undefined ? 'if-not-done' : 'always', signal, async () =>
      alone
        ? fromSubmitResponse(await connection.unary(SubmitJob, request, { timeoutMs, signal, traceparent }))
        : coalesced(request),
    );
  }

  async function submitMany(
    drafts: readonly JobDraft[],
    settings: CallSettings = {},
  ): Promise<readonly SubmitOutcome[]> {
    const outcomes = new Array<SubmitOutcome>(drafts.length);
    let open: readonly OpenDraft[] = await requests.requestsOf(drafts, settings, (index, error) => {
      outcomes[index] = { error: clientErrorOf(error) };
    });
    for (let attempt = 1; open.length > 0; attempt += 1) {
      /** The error that asks for the longest delay. */
      let slowest: TroupeClientError | undefined;
      const again: OpenDraft[] = [];
      for (const chunk of chunks(open, batchLimits, (item) => requestBytes(item.request))) {
        const results = await sendBatch(
          chunk.map((item) => item.request),
          settings,
        ).catch((error: unknown) => chunk.map(() => ({ error })));
        chunk.forEach((item, position) => {
          const outcome = results[position] ?? { error: incompleteAnswer('the gateway answered with fewer outcomes') };
          outcomes[item.index] = outcome;
          if (!('error' in outcome) || attempt >= backoff.maxAttempts) return;
          if (!mayRepeat(outcome.error, item.keyed ? 'always' : 'if-not-done')) return;
          if ((outcome.error.retryAfterMs ?? 0) >= (slowest?.retryAfterMs ?? 0)) slowest = outcome.error;
          again.push(item);
        });
      }
      open = again;
      if (slowest !== undefined) await backoff.pause(attempt, slowest, settings.signal);
    }
    return outcomes;
  }

  return { submit, submitMany };
}
