/**
 * Finds the home of a limit: the shard that grants the quota leases of that limit. A job with a concurrency key is best
 * placed on that shard, because it can start there without asking another.
 */
import { hash } from 'node:crypto';
import { shardOfKey } from '../protocol/shard-choice.ts';

export interface LimitName {
  readonly tenant: string;
  /** Absent for a limit of the tenant, which all of its queues share. */
  readonly queue?: string | undefined;
  /** The concurrency key. Absent for a limit of the whole queue. Only a limit with a queue has one. */
  readonly key?: string | undefined;
}

/** Unambiguous, because no name of a tenant or queue contains a slash. */
export function limitText({ tenant, queue, key }: LimitName): string {
  if (queue === undefined) return tenant;
  return key === undefined ? `${tenant}/${queue}` : `${tenant}/${queue}/${key}`;
}

/** In the form that `ShardChoice.ofKey` takes. */
export function limitHash(limit: LimitName): string {
  return hash('sha256', limitText(limit), 'base64url');
}

export function homeOfLimit(limit: LimitName, shardCount: number): number {
  return shardOfKey(limitHash(limit), shardCount);
}
