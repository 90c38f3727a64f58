/** Decides whether a queue has room for one more job. */
import type { QueueSettings } from './queue.ts';

/** Unfinished jobs that do not run, and the size of their inputs. */
export interface QueueLoad {
  readonly jobs: number;
  readonly bytes: number;
}

/** The limit that a queue has reached. */
export interface FullQueue {
  /** The name of the setting in the contract. */
  readonly limit: 'max_depth' | 'max_bytes';
  readonly max: number;
  readonly held: number;
  /** The number of jobs that must start before there is room. */
  readonly excessJobs: number;
}

export type QueueLimits = Pick<QueueSettings, 'maxDepth' | 'maxBytes'>;

/** Returns the limit that one more job would exceed, or `undefined` if there is room. */
export function fullQueue({ jobs, bytes }: QueueLoad, jobBytes: number, limits: QueueLimits): FullQueue | undefined {
  const { maxDepth = Infinity, maxBytes = Infinity } = limits;
  if (jobs >= maxDepth) return { limit: 'max_depth', max: maxDepth, held: jobs, excessJobs: jobs - maxDepth + 1 };
  const excessBytes = bytes + jobBytes - maxBytes;
  if (excessBytes <= 0) return undefined;
  const averageBytes = Math.max(1, bytes / Math.max(1, jobs));
  return { limit: 'max_bytes', max: maxBytes, held: bytes, excessJobs: Math.ceil(excessBytes / averageBytes) };
}
