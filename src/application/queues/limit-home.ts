/** Where a limit has its home: the shard that keeps its book. Jobs with a concurrency key are best off there. */
import { hash } from 'node:crypto';
import { shardOfKey } from '../protocol/shard-choice.ts';

export interface LimitName {
  readonly tenant: string;
  readonly queue: string;
  /** Of a concurrency key. Absent: of the queue. */
  readonly key?: string | undefined;
}

/** No tenant and no queue has a slash in its name. */
export function limitText({ tenant, queue, key }: LimitName): string {
  return key === undefined ? `${tenant}/${queue}` : `${tenant}/${queue}/${key}`;
}

/** As `ShardChoice.ofKey` takes it. */
export function limitHash(limit: LimitName): string {
  return hash('sha256', limitText(limit), 'base64url');
}

export function homeOfLimit(limit: LimitName, shardCount: number): number {
  return shardOfKey(limitHash(limit), shardCount);
}
