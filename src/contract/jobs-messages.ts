/** The messages of the service Jobs. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { FieldMask, Int64, Job, JobLog, JobSpec, Payload, Status, Timestamp } from './shared-messages.ts';

export interface SubmitJobRequest {
  readonly job: JobSpec | null;
  readonly idempotencyKey: string;
  readonly inputFingerprint: Uint8Array;
}

export interface SubmitJobResponse {
  readonly jobId: string;
  readonly state: number;
  readonly duplicate: boolean;
}

export interface SubmitJobStreamRequest {
  readonly open?: StreamedJob;
  readonly chunk?: Uint8Array;
  readonly sha256?: Uint8Array;
  readonly part?: 'open' | 'chunk' | 'sha256';
}

export interface StreamedJob {
  readonly submit: SubmitJobRequest | null;
  readonly inputSizeBytes: Int64;
}

export interface SubmitJobStreamResponse {
  readonly jobId: string;
  readonly state: number;
  readonly duplicate: boolean;
}

export interface SubmitJobsRequest {
  readonly requests: readonly SubmitJobRequest[];
}

export interface SubmitOutcome {
  readonly accepted?: SubmitJobResponse;
  readonly error?: Status;
  readonly outcome?: 'accepted' | 'error';
}

export interface SubmitJobsResponse {
  readonly outcomes: readonly SubmitOutcome[];
}

export interface GetJobRequest {
  readonly jobId: string;
  readonly explain: boolean;
}

export interface GetJobResponse {
  readonly job: Job | null;
}

export interface GetJobsRequest {
  readonly jobIds: readonly string[];
  readonly readMask: FieldMask | null;
}

export interface GetJobsResponse {
  readonly jobs: readonly Job[];
  readonly missing: readonly string[];
}

export interface ListJobsRequest {
  readonly queue: string;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly filter: JobFilter | null;
  readonly oldestFirst: boolean;
}

export interface JobFilter {
  readonly states: readonly number[];
  readonly handler: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdFrom: Timestamp | null;
  readonly createdBefore: Timestamp | null;
  readonly failureReasons: readonly number[];
  readonly endedFrom: Timestamp | null;
  readonly endedBefore: Timestamp | null;
  readonly failureKind: string;
}

export interface ListJobsResponse {
  readonly jobs: readonly Job[];
  readonly nextPageToken: string;
  readonly searchedTo: Timestamp | null;
}

export interface ListFailureKindsRequest {
  readonly queue: string;
  readonly filter: JobFilter | null;
  readonly pageToken: string;
}

export interface FailureKind {
  readonly id: string;
  readonly handler: string;
  readonly reason: number;
  readonly code: string;
  readonly message: string;
  readonly frame: string;
  readonly jobs: number;
  readonly firstTime: Timestamp | null;
  readonly lastTime: Timestamp | null;
  readonly sampleJobIds: readonly string[];
}

export interface ListFailureKindsResponse {
  readonly kinds: readonly FailureKind[];
  readonly jobs: number;
  readonly searchedTo: Timestamp | null;
  readonly endedFrom: Timestamp | null;
  readonly nextPageToken: string;
}

export interface CancelJobRequest {
  readonly jobId: string;
  readonly reason: string;
}

export interface CancelJobResponse {
  readonly job: Job | null;
}

export interface DownloadPayloadRequest {
  readonly jobId: string;
  readonly payload: number;
  readonly offset: Int64;
}

export interface PayloadSummary {
  readonly sizeBytes: Int64;
  readonly sha256: Uint8Array;
  readonly json: boolean;
}

export interface DownloadPayloadResponse {
  readonly summary: PayloadSummary | null;
  readonly offset: Int64;
  readonly chunk: Uint8Array;
}

export interface GetPayloadLinkRequest {
  readonly jobId: string;
  readonly payload: number;
}

export interface GetPayloadLinkResponse {
  readonly url: string;
  readonly expireTime: Timestamp | null;
  readonly summary: PayloadSummary | null;
}

export interface BeginUploadRequest {
  readonly submit: SubmitJobRequest | null;
  readonly inputSizeBytes: Int64;
  readonly inputSha256: Uint8Array;
}

export interface BeginUploadResponse {
  readonly uploadId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly linkExpireTime: Timestamp | null;
  readonly submitBeforeTime: Timestamp | null;
}

export interface SubmitUploadedJobRequest {
  readonly submit: SubmitJobRequest | null;
  readonly uploadId: string;
}

export interface SubmitUploadedJobResponse {
  readonly jobId: string;
  readonly state: number;
  readonly duplicate: boolean;
}

export interface EraseJobPayloadsRequest {
  readonly jobId: string;
}

export interface EraseJobPayloadsResponse {
  readonly job: Job | null;
}

export interface RescheduleJobRequest {
  readonly jobId: string;
  readonly runTime?: Timestamp;
  readonly now?: boolean;
  readonly when?: 'runTime' | 'now';
}

export interface RescheduleJobResponse {
  readonly job: Job | null;
}

export interface WatchJobRequest {
  readonly jobId: string;
  readonly resumeToken: string;
  readonly includeLogs: boolean;
}

export interface WatchJobResponse {
  readonly job: Job | null;
  readonly resumeToken: string;
  readonly log: JobLog | null;
}

export interface WatchJobsRequest {
  readonly queue: string;
  readonly filter: JobFilter | null;
  readonly resumeToken: string;
}

export interface WatchJobsResponse {
  readonly job: Job | null;
  readonly resumeToken: string;
  readonly gap: boolean;
}

export interface GetJobLogRequest {
  readonly jobId: string;
}

export interface GetJobLogResponse {
  readonly log: JobLog | null;
}

export interface RetryJobRequest {
  readonly jobId: string;
  readonly input: Payload | null;
  readonly idempotencyKey: string;
}

export interface RetryJobResponse {
  readonly jobId: string;
  readonly state: number;
  readonly duplicate: boolean;
}

export interface RedriveJobsRequest {
  readonly queue: string;
  readonly filter: JobFilter | null;
  readonly ratePerSecond: number;
  readonly redriveId: string;
  readonly pageToken: string;
}

export interface BulkFailure {
  readonly jobId: string;
  readonly error: Status | null;
}

export interface RedriveJobsResponse {
  readonly redriven: number;
  readonly refused: number;
  readonly failures: readonly BulkFailure[];
  readonly redriveId: string;
  readonly pageToken: string;
}

export interface CancelJobsRequest {
  readonly queue: string;
  readonly filter: JobFilter | null;
  readonly reason: string;
  readonly pageToken: string;
}

export interface CancelJobsResponse {
  readonly cancelled: number;
  readonly refused: number;
  readonly failures: readonly BulkFailure[];
  readonly pageToken: string;
}

/** Request and response of each method. */
export interface JobsMethods {
  readonly SubmitJob: readonly [SubmitJobRequest, SubmitJobResponse];
  readonly SubmitJobs: readonly [SubmitJobsRequest, SubmitJobsResponse];
  readonly SubmitJobStream: readonly [SubmitJobStreamRequest, SubmitJobStreamResponse];
  readonly RetryJob: readonly [RetryJobRequest, RetryJobResponse];
  readonly RedriveJobs: readonly [RedriveJobsRequest, RedriveJobsResponse];
  readonly CancelJobs: readonly [CancelJobsRequest, CancelJobsResponse];
  readonly GetJob: readonly [GetJobRequest, GetJobResponse];
  readonly GetJobs: readonly [GetJobsRequest, GetJobsResponse];
  readonly ListJobs: readonly [ListJobsRequest, ListJobsResponse];
  readonly ListFailureKinds: readonly [ListFailureKindsRequest, ListFailureKindsResponse];
  readonly CancelJob: readonly [CancelJobRequest, CancelJobResponse];
  readonly DownloadPayload: readonly [DownloadPayloadRequest, DownloadPayloadResponse];
  readonly GetPayloadLink: readonly [GetPayloadLinkRequest, GetPayloadLinkResponse];
  readonly BeginUpload: readonly [BeginUploadRequest, BeginUploadResponse];
  readonly SubmitUploadedJob: readonly [SubmitUploadedJobRequest, SubmitUploadedJobResponse];
  readonly EraseJobPayloads: readonly [EraseJobPayloadsRequest, EraseJobPayloadsResponse];
  readonly RescheduleJob: readonly [RescheduleJobRequest, RescheduleJobResponse];
  readonly GetJobLog: readonly [GetJobLogRequest, GetJobLogResponse];
  readonly WatchJob: readonly [WatchJobRequest, WatchJobResponse];
  readonly WatchJobs: readonly [WatchJobsRequest, WatchJobsResponse];
}
