/**
 * What running attempts have said so far, in the memory of the shard: of a job at most its newest two attempts, of the
 * shard at most `bytesMax`, past which the jobs go that were heard of first. Nothing here is durable: an attempt's log is in
 * the payload store once the attempt has ended, and its node tells it again to a new owner.
 */
import type { JobId } from '../../domain/job-id.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { isAfter, JobLog, type LogLine, type LogPosition } from '../../domain/job-log.ts';

const attemptsMax = 2;

export class ShardLogs {
  readonly #bytesMax: number;
  readonly #jobs = new Map<JobId, Map<number, JobLog>>();
  #bytes = 0;

  constructor(bytesMax = 32 * 1_048_576) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The newest line that is known of the attempt after this; the node goes on from there. */
  add(jobId: JobId, attempt: number, after: number, lines: readonly LogLine[]): number {
    const known = this.#jobs.get(jobId)?.get(attempt);
    // Lines in between are missing here: this owner is a new one.
    if (after > (known?.through ?? 0)) return known?.through ?? 0;
    const log = known ?? this.#open(jobId, attempt);
    this.#bytes -= log.bytes;
    for (const line of lines) log.add(line);
    this.#bytes += log.bytes;
    this.#makeRoom(jobId);
    return log.through;
  }

  /** In order; of the first attempt that has any, and all of that: an answer is no longer than the log of an attempt. */
  read(jobId: JobId, seen: LogPosition): readonly LogLine[] {
    for (const log of this.#jobs.get(jobId)?.values() ?? []) {
      const lines = log.after(0).filter((line) => isAfter(line, seen));
      if (lines.length > 0) return lines;
    }
    return [];
  }

  /** The record is durable: what it refers to need not be held. */
  landed(record: JobRecord): void {
    const attempts = this.#jobs.get(record.id);
    if (attempts === undefined) return;
    for (const { attempt } of record.logs ?? []) this.#drop(attempts, attempt);
    if (isTerminal(record.state)) this.#forget(record.id);
  }

  #open(jobId: JobId, attempt: number): JobLog {
    const attempts = this.#jobs.get(jobId) ?? new Map<number, JobLog>();
    this.#jobs.set(jobId, attempts);
    const log = new JobLog();
    attempts.set(attempt, log);
    const [oldest] = attempts.keys();
    if (attempts.size > attemptsMax && oldest !== undefined) this.#drop(attempts, oldest);
    return log;
  }

  #makeRoom(keep: JobId): void {
    for (const jobId of this.#jobs.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      if (jobId !== keep) this.#forget(jobId);
    }
  }

  #forget(jobId: JobId): void {
    const attempts = this.#jobs.get(jobId);
    for (const attempt of [...(attempts?.keys() ?? [])]) if (attempts !== undefined) this.#drop(attempts, attempt);
    this.#jobs.delete(jobId);
  }

  #drop(attempts: Map<number, JobLog>, attempt: number): void {
    this.#bytes -= attempts.get(attempt)?.bytes ?? 0;
    attempts.delete(attempt);
  }
}
