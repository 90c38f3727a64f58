/**
 * How many jobs of the table each minute and each queue number has. A job whose end is not durable yet counts as
 * running, because a crash would bring it back. The counts change with each job, so no question has to scan the jobs.
 */
import type { UnfinishedJobs } from '../../../application/ports/shard-protocol.ts';
import type { JobOutline } from '../../../domain/job-brief.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { bucketOf } from '../../../domain/job-id.ts';
import { standingOf } from './queue-index.ts';

type Counts = { -readonly [standing in keyof UnfinishedJobs]: number };

export class UnfinishedCounts {
  readonly #byBucket = new Map<number, number>();
  readonly #byQueueNo = new Map<number, Counts>();

  add(record: JobOutline): void {
    const bucket = bucketOf(record.id);
    this.#byBucket.set(bucket, (this.#byBucket.get(bucket) ?? 0) + 1);
    this.#count(record, 1);
  }

  move(before: JobRecord, after: JobRecord): void {
    if (before.state === after.state) return;
    this.#count(after, 1);
    this.#count(before, -1);
  }

  remove(record: JobRecord): void {
    const bucket = bucketOf(record.id);
    const left = (this.#byBucket.get(bucket) ?? 0) - 1;
    if (left > 0) this.#byBucket.set(bucket, left);
    else this.#byBucket.delete(bucket);
    this.#count(record, -1);
  }

  ofBucket(bucket: number): number {
    return this.#byBucket.get(bucket) ?? 0;
  }

  ofQueue(queueNo: number): UnfinishedJobs {
    return { waiting: 0, later: 0, running: 0, ...this.#byQueueNo.get(queueNo) };
  }

  #count({ state, spec: { queueNo } }: JobOutline, by: 1 | -1): void {
    const counts = this.#byQueueNo.get(queueNo) ?? { waiting: 0, later: 0, running: 0 };
    counts[standingOf(state) ?? 'running'] += by;
    if (counts.waiting + counts.later + counts.running > 0) this.#byQueueNo.set(queueNo, counts);
    else this.#byQueueNo.delete(queueNo);
  }
}
