/**
 * Unique keys that are held for a window of time, also after the end of their holder. The store keeps a row for each such
 * key, written no later than the job that takes it, so a take-over finds them without reading jobs: they are looked up
 * when somebody asks for the key. A row whose job was never committed is an orphan of a crash and holds nothing; a job
 * that was cancelled has given its window up.
 *
 * One more row, the mark, says until when any window of the shard may last: a shard without windows looks nothing up.
 */
import { uniqueHash } from '../../application/job-fingerprint.ts';
import type { IdempotencyEntry, JobStore } from '../../application/ports/job-store.ts';
import { invariant } from '../../domain/errors.ts';
import type { TroupeError } from '../../domain/errors.ts';
import type { JobRecord, JobSpec } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import type { KeyLookups } from './key-lookups.ts';

/** Apart from the hashes of idempotency keys, which have no dot. */
const rowName = ({ tenant, unique }: JobSpec): string =>
  unique === undefined ? '' : `u.${uniqueHash(tenant, unique.key)}`;
const markName = 'u.any';
/** The mark is set ahead so far that it is seldom written. */
const markStepMs = 3_600_000;

export interface UniqueWindowsParts {
  readonly store: Pick<JobStore, 'findJob'>;
  readonly lookups: KeyLookups;
  readonly nowMs: () => number;
  /** Keys kept in memory; the store knows the rest. */
  readonly max: number;
}

export class UniqueWindows {
  readonly #parts: UniqueWindowsParts;
  readonly #rows: IdempotencyKeys;
  /** What the store surely says; undefined: it was not asked yet. */
  #markedMs: number | undefined;
  /** What the store will say once all that was accepted is durable. */
  #markMs = 0;

  constructor(parts: UniqueWindowsParts) {
    this.#parts = parts;
    this.#rows = new IdempotencyKeys(parts.max);
  }

  /** Of a key that no unfinished job has. `unknown`: `find` knows. */
  holderOf(spec: JobSpec): JobId | 'nobody' | 'unknown' {
    const nowMs = this.#parts.nowMs();
    if (this.#markedMs !== undefined && this.#markMs <= nowMs) return 'nobody';
    return this.#rows.get(rowName(spec), nowMs)?.jobId ?? 'unknown';
  }

  /** Finds out who holds the key; `trouble`: the store could not be asked. */
  find(spec: JobSpec, then: (trouble?: TroupeError) => void): void {
    const { lookups, store } = this.#parts;
    if (this.#markedMs === undefined) {
      lookups.ask({
        keyHash: markName,
        counts: () => Promise.resolve(true),
        then: (answer) => {
          if ('row' in answer) this.#marked(answer.row?.expiresAtMs ?? 0);
        },
      });
    }
    lookups.ask({
      keyHash: rowName(spec),
      counts: async ({ jobId }) => {
        const record = await store.findJob(jobId);
        return record !== undefined && record.state !== 'CANCELLED';
      },
      then: (answer) => {
        if ('row' in answer && answer.row !== undefined) this.#rows.set(answer.row);
        then('trouble' in answer ? answer.trouble : undefined);
      },
    });
  }

  /** What must be durable no later than this job, which takes the key. */
  take({ id: jobId, spec, createdAtMs }: JobRecord): readonly IdempotencyEntry[] {
    const windowMs = spec.unique?.windowMs;
    if (windowMs === undefined) return [];
    invariant(this.#markedMs !== undefined, 'a key is looked up before it is taken');
    const expiresAtMs = createdAtMs + windowMs;
    const row = { keyHash: rowName(spec), jobId, contentHash: '', expiresAtMs };
    this.#rows.set(row);
    if (expiresAtMs <= this.#markedMs) return [row];
    this.#markMs = Math.max(this.#markMs, (Math.floor(expiresAtMs / markStepMs) + 1) * markStepMs);
    return [row, { ...row, keyHash: markName, expiresAtMs: this.#markMs }];
  }

  /** Rows that `take` has made are durable. */
  taken(rows: readonly IdempotencyEntry[]): void {
    for (const { keyHash, expiresAtMs } of rows) {
      if (keyHash === markName) this.#marked(expiresAtMs);
    }
  }

  /** The end of the job is durable. */
  ended({ id, state, spec }: JobRecord): void {
    if (state === 'CANCELLED') this.#rows.forget(rowName(spec), id);
  }

  expire(nowMs: number): void {
    this.#rows.expire(nowMs);
  }

  #marked(untilMs: number): void {
    this.#markedMs = Math.max(this.#markedMs ?? 0, untilMs);
    this.#markMs = Math.max(this.#markMs, this.#markedMs);
  }
}
