/**
 * All keys of a shard: idempotency keys (`requests`), unique keys of unfinished jobs (`unique`) and unique keys held
 * for a window (`windows`). The record of a job contains its keys. This is the index over them: in memory for jobs of
 * open partitions, and in the store for earlier ones.
 */
import type { IdempotencyEntry } from '../../../application/ports/job-store.ts';
import { isTerminal, type JobRecord, type RequestKey } from '../../../domain/job.ts';
import type { JobOutline } from '../../../domain/job-brief.ts';
import { bucketOf, jobRank } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/actor.ts';
import { GivenKeys } from './given-keys.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { KeyLookups } from './key-lookups.ts';
import { KeyWriter } from './key-writer.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import { UniqueKeys } from './unique-keys.ts';
import { UniqueWindows } from './unique-windows.ts';

export interface ShardKeysParts {
  readonly shard: number;
  readonly services: ShardServices;
  readonly context: ActorContext<ShardMessage>;
  readonly nowMs: () => number;
  /** Called after answers of the store, so that the decisions that followed are written. */
  readonly decided: () => void;
}

export class ShardKeys {
  readonly requests: IdempotencyKeys;
  readonly unique = new UniqueKeys();
  readonly windows: UniqueWindows;
  readonly lookups: KeyLookups;
  readonly given: GivenKeys;
  readonly #writer: KeyWriter;

  constructor({ shard, services, context, nowMs, decided }: ShardKeysParts) {
    const { store, limits } = services;
    const max = limits.recentMax * 4;
    this.requests = new IdempotencyKeys(max);
    this.lookups = new KeyLookups({ shard, store, context, decided });
    const stored = (entry: IdempotencyEntry): void => this.requests.found(entry);
    this.given = new GivenKeys({ shard, store, context, stored, decided });
    this.windows = new UniqueWindows({ store, lookups: this.lookups, nowMs, max });
    this.#writer = new KeyWriter({ shard, store, context, nowMs });
  }

  /**
   * Entries that the store does not have yet: keys of jobs that ended under this owner, and keys given to an existing
   * job.
   */
  get backlog(): number {
    return this.#writer.backlog + this.given.size;
  }

  /** Sends the questions and writes that one message has produced. Call this at its end. */
  send(): void {
    this.lookups.send();
    this.given.send();
  }

  /** Whether the next owner has to read the partition because of its keys. */
  isOpen(bucket: number): boolean {
    return this.#writer.isOpen(bucket);
  }

  /** The job is accepted. */
  accepted(record: JobRecord): void {
    this.unique.hold(record);
    this.windows.hold(record);
    const entry = requestEntry(record);
    if (entry !== undefined) this.requests.hold(entry);
  }

  /**
   * The job was found at a recovery. If it has ended, its keys are written again, because nobody knows whether they
   * were.
   */
  restored(record: JobRecord): void {
    if (isTerminal(record.state)) this.#write(record, 'before');
    else this.accepted(record);
  }

  /**
   * The job was found at a recovery, waits, and its record does not stay in memory. Returns the entry that the store
   * must have before the shard serves anybody.
   */
  restoredCold(record: JobOutline): IdempotencyEntry | undefined {
    this.unique.hold(record);
    this.windows.hold(record);
    return requestEntry(record);
  }

  /**
   * Stores the idempotency key of a job that waits, so that its record need not stay in memory. Calls back when the
   * store has it.
   */
  storeEarly(record: JobRecord, done: () => void): void {
    const entry = requestEntry(record);
    if (entry === undefined) {
      done();
      return;
    }
    const stored = (): void => {
      this.requests.stored(entry);
      done();
    };
    this.#writer.add({ bucket: bucketOf(record.id), entry, stored }, 'now');
  }

  /** The end of the job is durable. */
  ended(record: JobRecord): void {
    this.#write(record, 'now');
    this.unique.free(record);
  }

  tick(nowMs: number, monotonicMs: number): void {
    this.requests.expire(nowMs);
    this.windows.expire(nowMs);
    this.unique.expire(monotonicMs);
    this.#writer.write();
  }

  /** Holds the keys until they are stored. Keys of a job that had ended before the recovery were not held yet. */
  #write(record: JobRecord, when: 'now' | 'before'): void {
    const bucket = bucketOf(record.id);
    const request = requestEntry(record);
    if (request !== undefined) {
      this.requests.hold(request);
      this.#writer.add({ bucket, entry: request, stored: (entry) => this.requests.stored(entry) }, when);
    }
    const window = this.windows.ended(record);
    if (window === undefined) return;
    const stored = (entry: IdempotencyEntry): void => this.windows.stored(entry);
    if (window.mark !== undefined) this.#writer.add({ bucket, entry: window.mark, stored }, 'now');
    this.#writer.add({ bucket, entry: window.entry, stored }, when);
  }
}

export function requestEntry(record: JobOutline): IdempotencyEntry | undefined {
  return record.requestKey && entryOf(record.requestKey, record);
}

/** A key belongs to the job for the job's retention. */
export function entryOf(
  { keyHash, contentHash }: RequestKey,
  { id: jobId, spec, createdAtMs }: JobOutline,
): IdempotencyEntry {
  return { keyHash, contentHash, jobId, expiresAtMs: createdAtMs + spec.retentionMs, rank: jobRank(jobId) };
}
