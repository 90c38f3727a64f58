/**
 * Which unfinished job holds which unique key. The index is rebuilt from the records at a recovery, so it needs no
 * table. A key is free when the end of its holder is durable. Before that, a crash could bring the holder back beside
 * its successor.
 */
import type { JobOutline } from '../../../domain/job-brief.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';

interface Waiter {
  readonly untilMs: number;
  readonly then: (outcome: 'free' | 'late') => void;
}

/**
 * The name includes the tenant, because the same key of another tenant is a different key. Undefined for a job without
 * a key.
 */
function nameOf({ spec: { tenant, unique } }: Pick<JobOutline, 'spec'>): string | undefined {
  return unique === undefined ? undefined : `${tenant}\0${unique.key}`;
}

export class UniqueKeys {
  readonly #holders = new Map<string, JobId>();
  readonly #waiting = new Map<string, Waiter[]>();

  holderOf(job: Pick<JobRecord, 'spec'>): JobId | undefined {
    return this.#holders.get(nameOf(job) ?? '');
  }

  /** The job is accepted, or was found at a recovery. */
  hold(record: Pick<JobOutline, 'id' | 'spec'>): void {
    const name = nameOf(record);
    if (name !== undefined) this.#holders.set(name, record.id);
  }

  /** The end of the job is durable. */
  free(record: JobRecord): void {
    const name = nameOf(record);
    if (name === undefined || this.#holders.get(name) !== record.id) return;
    this.#holders.delete(name);
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const { then } of waiting) then('free');
  }

  /** Calls back when the key is free or the waiter's time is over. Call this only while a job holds the key. */
  whenFree(job: Pick<JobRecord, 'spec'>, waiter: Waiter): void {
    const name = nameOf(job) ?? '';
    const waiting = this.#waiting.get(name) ?? [];
    if (waiting.length === 0) this.#waiting.set(name, waiting);
    waiting.push(waiter);
  }

  expire(nowMs: number): void {
    for (const [name, waiting] of this.#waiting) {
      const left = waiting.filter(({ untilMs }) => untilMs > nowMs);
      if (left.length === waiting.length) continue;
      if (left.length === 0) this.#waiting.delete(name);
      else this.#waiting.set(name, left);
      for (const { untilMs, then } of waiting) if (untilMs <= nowMs) then('late');
    }
  }
}
