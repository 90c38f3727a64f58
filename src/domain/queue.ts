/** A queue: where the jobs of a tenant wait, and the defaults that they get. */
import type { FlowRule } from './flow-rule.ts';
import type { RetryPolicy } from './job.ts';

/** The settings of a queue, with all defaults filled in. */
export interface QueueSettings {
  readonly executionTimeoutMs: number;
  /** Longest silence of an attempt. Default: no heartbeat timeout. */
  readonly heartbeatTimeoutMs?: number;
  readonly retry: RetryPolicy;
  /** How long records are kept after creation. */
  readonly retentionMs: number;
  /** How long inputs and outputs are kept after creation, at most `retentionMs`. Default: as long as the records. */
  readonly payloadRetentionMs?: number;
  /** Unfinished jobs of the whole cluster that do not run. Further submits are refused. Default: no limit. */
  readonly maxDepth?: number;
  /** Input bytes of those jobs. Default: no limit. */
  readonly maxBytes?: number;
  /** Limits on starts. Default: none. */
  readonly flow?: FlowRule;
  /** Which events of its jobs are published. Default: every one. */
  readonly publishedEvents?: 'ends';
}

/** A queue as the store holds it. */
export interface Queue {
  readonly tenant: string;
  readonly name: string;
  /** 20-bit number, issued once and never reused. It is part of every job id of the queue. */
  readonly queueNo: number;
  readonly settings: QueueSettings;
  /** Grows with each update. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/**
 * The deletion of a queue at one version. Any later change of the queue invalidates it, so it cannot delete a newer
 * queue of the same name.
 */
export interface QueueClosing {
  readonly tenant: string;
  readonly name: string;
  readonly queueNo: number;
  readonly version: number;
}

/** Grows with each change of the queue that a name refers to, both by updates and by deleting and creating it again. */
export function queueStamp({ queueNo, version }: Pick<Queue, 'queueNo' | 'version'>): number {
  return queueNo * 2 ** 32 + version;
}

/** Names of tenants and queues. They become tokens of NATS subjects. */
export const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
/** Names of handlers. Unlike other names they may contain dots: `image.thumbnail`. */
export const handlerNamePattern = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$/;

export const defaultTenant = 'default';
/** The queue of jobs that name no queue. The first start of a cluster creates it, and it cannot be deleted. */
export const defaultQueueName = 'default';
/** The settings of a queue that is created without any. */
export const defaultQueueSettings: QueueSettings = {
  executionTimeoutMs: 5 * 60_000,
  retry: { maxAttempts: 3, initialMs: 1_000, coefficient: 2, maxMs: 60_000 },
  retentionMs: 7 * 24 * 3_600_000,
};
