/** A queue: where jobs of a tenant wait, and the defaults they get. */
import type { FlowRule } from './flow-rule.ts';
import type { RetryPolicy } from './job.ts';

export interface QueueSettings {
  readonly executionTimeoutMs: number;
  /** Absent: none. */
  readonly heartbeatTimeoutMs?: number;
  readonly retry: RetryPolicy;
  /** How long records are kept after creation. */
  readonly retentionMs: number;
  /** How long inputs and outputs are kept after creation, at most `retentionMs`. Absent: as long as the records. */
  readonly payloadRetentionMs?: number;
  /** Unfinished jobs that do not run, over the cluster; submits past it are refused. Absent: no limit. */
  readonly maxDepth?: number;
  /** Bytes of the inputs of those. Absent: no limit. */
  readonly maxBytes?: number;
  /** Absent: nothing holds its jobs back. */
  readonly flow?: FlowRule;
}

export interface Queue {
  readonly tenant: string;
  readonly name: string;
  /** 20-bit number, issued once and never reused; part of every job id of the queue. */
  readonly queueNo: number;
  readonly settings: QueueSettings;
  /** Grows with each update. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** The removal of a queue as it was at one version. Any change of the queue ends it: then it removes nothing any more. */
export interface QueueClosing {
  readonly tenant: string;
  readonly name: string;
  readonly queueNo: number;
  readonly version: number;
}

/** Grows with each change of what a name stands for: with updates, and when the queue was deleted and made anew. */
export function queueStamp({ queueNo, version }: Pick<Queue, 'queueNo' | 'version'>): number {
  return queueNo * 2 ** 32 + version;
}

/** Tokens that become part of NATS subjects: tenants, queues. */
export const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
/** Handler names may have dots: `image.thumbnail`. */
export const handlerNamePattern = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$/;

export const defaultTenant = 'default';
/** The queue of jobs that name none. Made at the first start of a cluster; it cannot be deleted. */
export const defaultQueueName = 'default';
export const defaultQueueSettings: QueueSettings = {
  executionTimeoutMs: 5 * 60_000,
  retry: { maxAttempts: 3, initialMs: 1_000, coefficient: 2, maxMs: 60_000 },
  retentionMs: 7 * 24 * 3_600_000,
};
