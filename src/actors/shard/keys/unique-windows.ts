/**
 * Unique keys that are held for a time window, which may outlast their holder. While the holder is unfinished, they are
 * in memory. At its end the store gets an entry, which is looked up when somebody asks for the key. A cancelled job
 * gives its window up. Its entry stays, so that no earlier entry of the key counts again.
 *
 * One more entry, the mark, says until when any window of the shard may last. So a shard without windows needs no
 * look-ups.
 */
import { uniqueHash } from '../../../application/jobs/job-fingerprint.ts';
import type { IdempotencyEntry, JobStore } from '../../../application/ports/job-store.ts';
import type { TroupeError } from '../../../domain/errors.ts';
import type { BriefSpec, JobOutline } from '../../../domain/job-brief.ts';
import type { JobRecord, JobSpec } from '../../../domain/job.ts';
import { idsPerMsMax, type JobId, jobRank } from '../../../domain/job-id.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import type { KeyLookups } from './key-lookups.ts';

/** The prefix keeps these apart from the hashes of idempotency keys, which contain no dot. */
const rowName = ({ tenant, unique }: BriefSpec): string =>
  unique === undefined ? '' : `u.${uniqueHash(tenant, unique.key)}`;
const markName = 'u.any';
/** Stands in place of a content hash and says that the job was cancelled. */
const givenUp = 'given-up';
/** The mark is set this far ahead, so that it is seldom written. */
const markStepMs = 3_600_000;

export interface UniqueWindowsParts {
  readonly store: Pick<JobStore, 'findJob'>;
  readonly lookups: KeyLookups;
  readonly nowMs: () => number;
  /** How many keys are kept in memory. The store knows the rest. */
  readonly max: number;
}

export interface EndedWindow {
  readonly entry: IdempotencyEntry;
  readonly mark?: IdempotencyEntry;
}

export class UniqueWindows {
  readonly #parts: UniqueWindowsParts;
  readonly #rows: IdempotencyKeys;
  /** The mark that the store surely has. Undefined: the store was not asked yet. */
  #markedMs: number | undefined;
  /** The end of the last window as far as is known, from the store or from memory. */
  #markMs = 0;
  /** The mark that the store will have when all pending writes are done. */
  #markAskedMs = 0;

  constructor(parts: UniqueWindowsParts) {
    this.#parts = parts;
    this.#rows = new IdempotencyKeys(parts.max);
  }

  /** Who holds a key that no unfinished job has. `unknown`: `find` can find out. */
  holderOf(spec: JobSpec): JobId | 'nobody' | 'unknown' {
    const nowMs = this.#parts.nowMs();
    if (this.#markedMs !== undefined && this.#markMs <= nowMs) return 'nobody';
    const row = this.#rows.get(rowName(spec), nowMs);
    return row?.contentHash === givenUp ? 'nobody' : (row?.jobId ?? 'unknown');
  }

  /** Finds out who holds the key. `trouble`: the store could not be asked. */
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
      counts: async ({ jobId, contentHash }) => {
        if (contentHash === givenUp) return false;
        const record = await store.findJob(jobId);
        return record !== undefined && record.state !== 'CANCELLED';
      },
      then: (answer) => {
        if ('row' in answer && answer.row !== undefined) this.#rows.found(answer.row);
        then('trouble' in answer ? answer.trouble : undefined);
      },
    });
  }

  /** The job was accepted, or was found at a recovery. */
  hold(record: JobOutline): void {
    const entry = rowOf(record);
    if (entry !== undefined) this.#take(entry);
  }

  /**
   * The end of the job is durable. Returns the entries that the store must have before they may be forgotten here; call
   * `stored` for each. The mark must be written no later than the entry that it covers.
   */
  ended(record: JobRecord): EndedWindow | undefined {
    const entry = rowOf(record);
    if (entry === undefined) return undefined;
    this.#take(entry);
    if (entry.expiresAtMs <= Math.max(this.#markedMs ?? 0, this.#markAskedMs)) return { entry };
    const expiresAtMs = (Math.floor(Math.max(entry.expiresAtMs, this.#markMs) / markStepMs) + 1) * markStepMs;
    this.#markAskedMs = expiresAtMs;
    return { entry, mark: { ...entry, keyHash: markName, expiresAtMs, rank: expiresAtMs * idsPerMsMax } };
  }

  stored(entry: IdempotencyEntry): void {
    if (entry.keyHash === markName) this.#marked(entry.expiresAtMs);
    else this.#rows.stored(entry);
  }

  expire(nowMs: number): void {
    this.#rows.expire(nowMs);
  }

  #take(entry: IdempotencyEntry): void {
    this.#rows.hold(entry);
    this.#markMs = Math.max(this.#markMs, entry.expiresAtMs);
  }

  /** The store's mark counts here too, because any entry of this shard may last that long. */
  #marked(untilMs: number): void {
    this.#markedMs = Math.max(this.#markedMs ?? 0, untilMs);
    this.#markMs = Math.max(this.#markMs, this.#markedMs);
  }
}

function rowOf({ id: jobId, state, spec, createdAtMs }: JobOutline): IdempotencyEntry | undefined {
  const windowMs = spec.unique?.windowMs;
  if (windowMs === undefined) return undefined;
  const contentHash = state === 'CANCELLED' ? givenUp : '';
  return { keyHash: rowName(spec), jobId, contentHash, expiresAtMs: createdAtMs + windowMs, rank: jobRank(jobId) };
}
