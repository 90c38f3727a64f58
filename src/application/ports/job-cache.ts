/**
 * Caches ended jobs. Their records never change, except that their payloads may be erased, so a cached copy is as good
 * as the record until it is replaced. The cache is bounded by number, bytes and age.
 */
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

export interface JobCache {
  get(id: JobId): JobRecord | undefined;
  /** Accepts terminal records only. */
  put(record: JobRecord): void;
  /**
   * Stores the record of a job whose payloads were erased. While it is cached, a late `put` of the older record is
   * ignored.
   */
  replace(record: JobRecord): void;
}
