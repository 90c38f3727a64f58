/**
 * Erases the payloads of ended jobs: writes the same record again, without what lies inline. Only the first erasure of
 * a job counts. Later ones are answered with its record.
 */
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { eraseJob } from '../../../domain/payload-life.ts';
import type { JobTable } from '../table/job-table.ts';
import type { KeptByTenant } from './kept-by-tenant.ts';
import type { PartitionSet } from './partition-set.ts';

interface RecordErasureParts {
  readonly table: Pick<JobTable, 'recent' | 'remember'>;
  readonly partitions: Pick<PartitionSet, 'of'>;
  readonly nowMs: () => number;
  /** Told once of each job, when the record without payloads is durable. */
  readonly kept: Pick<KeptByTenant, 'erased'>;
}

export class RecordErasure {
  readonly #table: Pick<JobTable, 'recent' | 'remember'>;
  readonly #partitions: Pick<PartitionSet, 'of'>;
  readonly #nowMs: () => number;
  readonly #kept: RecordErasureParts['kept'];
  /** Erasures that are not durable yet. Bounded, because decisions that wait for the store are. */
  readonly #pending = new Map<JobId, JobRecord>();

  constructor({ table, partitions, nowMs, kept }: RecordErasureParts) {
    this.#table = table;
    this.#partitions = partitions;
    this.#nowMs = nowMs;
    this.#kept = kept;
  }

  /** Calls `done` when the record without payloads is durable. */
  erase(record: JobRecord, done: (erased: JobRecord) => void): void {
    const present = this.#table.recent(record.id) ?? record;
    if (present.payloadsErasedAtMs !== undefined) {
      done(present);
      return;
    }
    const erased = this.#pending.get(record.id) ?? eraseJob(present, this.#nowMs());
    this.#pending.set(record.id, erased);
    this.#partitions.of(erased).add(erased, () => {
      // Others may have asked for the same erasure meanwhile.
      if (this.#pending.delete(record.id)) this.#kept.erased(present, erased);
      this.#table.remember(erased);
      done(erased);
    });
  }
}
