/**
 * Finished jobs: immutable but for the erasing of their payloads, so a copy is as good as the record until it is replaced.
 * Bounded by number, bytes and age.
 */
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

export interface JobCache {
  get(id: JobId): JobRecord | undefined;
  /** Only terminal records. */
  put(record: JobRecord): void;
  /** Its payloads were erased: whoever read it before that cannot put the old record back while this one is kept. */
  replace(record: JobRecord): void;
}
