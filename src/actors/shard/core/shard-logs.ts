/**
 * Log lines of running attempts, in the memory of the shard. It keeps at most the newest two attempts of a job, and at
 * most `bytesMax` in total; beyond that it drops the jobs whose logs were opened first. Nothing here is durable. When
 * an attempt ends, its log goes to the payload store. If the shard moves, the node sends the log again to the new
 * owner.
 */
import type { JobId } from '../../../domain/job-id.ts';
import { isTerminal, type JobRecord } from '../../../domain/job.ts';
import { isAfter, JobLog, type LogLine, type LogPosition } from '../../../domain/job-log.ts';

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

  /**
   * Adds lines and returns the number of the newest line that is known of the attempt. The node continues from there.
   */
  add(jobId: JobId, attempt: number, after: number, lines: readonly LogLine[]): number {
    const known = this.#jobs.get(jobId)?.get(attempt);
    // Lines in between are missing, because this owner is new.
    if (after > (known?.through ?? 0)) return known?.through ?? 0;
    const log = known ?? this.#open(jobId, attempt);
    this.#bytes -= log.bytes;
    for (const line of lines) log.add(line);
    this.#bytes += log.bytes;
    this.#makeRoom(jobId);
    return log.through;
  }

  /**
   * Lines that come after `seen`, in order, from the first attempt that has any. All such lines of that attempt are
   * returned, so an answer is at most as long as the log of one attempt.
   */
  read(jobId: JobId, seen: LogPosition): readonly LogLine[] {
    for (const log of this.#jobs.get(jobId)?.values() ?? []) {
      const lines = log.after(0).filter((line) => isAfter(line, seen));
      if (lines.length > 0) return lines;
    }
    return [];
  }

  /** The record is durable. Logs that it refers to are in the payload store and need not be kept here. */
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
