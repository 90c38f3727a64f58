/** The messages of the service Queues. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Duration, FieldMask, Int64, RetryPolicy, Timestamp } from './shared-messages.ts';

export interface QueueSettings {
  readonly executionTimeout: Duration | null;
  readonly retry: RetryPolicy | null;
  readonly retention: Duration | null;
  readonly heartbeatTimeout: Duration | null;
  readonly payloadRetention: Duration | null;
  readonly maxDepth: number | null;
  readonly maxBytes: Int64 | null;
  readonly flow: FlowRule | null;
  readonly publishedEvents: number;
}

export interface FlowRule {
  readonly paused: boolean | null;
  readonly maxRunning: number | null;
  readonly maxRunningPerKey: number | null;
  readonly rate: RateLimit | null;
  readonly fairnessWeights: Readonly<Record<string, number>>;
}

export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number | null;
}

export interface QueueQuarantine {
  readonly node: string;
  readonly reason: string;
  readonly time: Timestamp | null;
}

export interface Queue {
  readonly name: string;
  readonly settings: QueueSettings | null;
  readonly version: number;
  readonly createTime: Timestamp | null;
  readonly updateTime: Timestamp | null;
  readonly quarantines: readonly QueueQuarantine[];
}

export interface CreateQueueRequest {
  readonly name: string;
  readonly settings: QueueSettings | null;
}

export interface CreateQueueResponse {
  readonly queue: Queue | null;
}

export interface GetQueueRequest {
  readonly name: string;
}

export interface GetQueueResponse {
  readonly queue: Queue | null;
}

export interface ListQueuesRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListQueuesResponse {
  readonly queues: readonly Queue[];
  readonly nextPageToken: string;
}

export interface UpdateQueueRequest {
  readonly name: string;
  readonly version: number;
  readonly settings: QueueSettings | null;
  readonly updateMask: FieldMask | null;
}

export interface UpdateQueueResponse {
  readonly queue: Queue | null;
}

export interface DeleteQueueRequest {
  readonly name: string;
}

export type DeleteQueueResponse = Readonly<Record<string, never>>;

export interface GetQueueStatsRequest {
  readonly name: string;
}

export interface GetQueueStatsResponse {
  readonly stats: QueueStats | null;
}

export interface QueueStats {
  readonly waiting: number;
  readonly waitingByPriority: readonly number[];
  readonly dueLater: number;
  readonly running: number;
  readonly bytes: Int64;
  readonly oldestAge: Duration | null;
  readonly arrivalsPerSecond: number;
  readonly startsPerSecond: number;
  readonly endsPerSecond: number;
  readonly wait: DurationQuantiles | null;
  readonly run: DurationQuantiles | null;
  readonly shards: number;
  readonly silentShards: number;
  readonly time: Timestamp | null;
  readonly failedAttemptsPerSecond: number;
  readonly failedJobsPerSecond: number;
}

export interface DurationQuantiles {
  readonly p50: Duration | null;
  readonly p90: Duration | null;
  readonly p99: Duration | null;
}

/** Request and response of each method. */
export interface QueuesMethods {
  readonly CreateQueue: readonly [CreateQueueRequest, CreateQueueResponse];
  readonly GetQueue: readonly [GetQueueRequest, GetQueueResponse];
  readonly ListQueues: readonly [ListQueuesRequest, ListQueuesResponse];
  readonly UpdateQueue: readonly [UpdateQueueRequest, UpdateQueueResponse];
  readonly DeleteQueue: readonly [DeleteQueueRequest, DeleteQueueResponse];
  readonly GetQueueStats: readonly [GetQueueStatsRequest, GetQueueStatsResponse];
}
