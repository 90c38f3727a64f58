/** Finished jobs: immutable, so a copy is as good as the record. Bounded by number, bytes and age. */
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

export interface JobCache {
  get(id: JobId): JobRecord | undefined;
  /** Only terminal records. */
  put(record: JobRecord): void;
}
