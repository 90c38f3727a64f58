/**
 * All keys of a shard: idempotency keys (`requests`), unique keys of unfinished jobs (`unique`) and those held for a
 * window (`windows`). What a key says stands in the record of its job; this is the index over it, in memory for the
 * jobs of open partitions and in the store for those before.
 */
import type { IdempotencyEntry } from '../../../application/ports/job-store.ts';
import { isTerminal, type JobRecord, type RequestKey } from '../../../domain/job.ts';
import { bucketOf, jobRank } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/actor.ts';
import { GivenKeys } from './given-keys.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { KeyLookups } from './key-lookups.ts';
import { KeyWriter } from './key-writer.ts';
import type { ShardMessage } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';
import { UniqueKeys } from './unique-keys.ts';
import { UniqueWindows } from './unique-windows.ts';

export interface ShardKeysParts {
  readonly shard: number;
  readonly services: ShardServices;
  readonly context: ActorContext<ShardMessage>;
  readonly nowMs: () => number;
  /** After answers of the store: what was decided on them is to be written. */
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

  /** Entries that the store does not have yet: of jobs that ended under this owner, or were given to one. */
  get backlog(): number {
    return this.#writer.backlog + this.given.size;
  }

  /** What one message asks of the store, at its end. */
  send(): void {
    this.lookups.send();
    this.given.send();
  }

  /** Whether a next owner has to read the partition for the sake of its keys. */
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

  /** Found at a recovery. Its keys are written as if it ended now: nobody knows whether that was done. */
  restored(record: JobRecord): void {
    if (isTerminal(record.state)) this.#write(record, 'before');
    else this.accepted(record);
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

  /** Held until they are stored, also those that no accept has held. */
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

function requestEntry(record: JobRecord): IdempotencyEntry | undefined {
  return record.requestKey && entryOf(record.requestKey, record);
}

/** A key is the job's for its retention. */
export function entryOf(
  { keyHash, contentHash }: RequestKey,
  { id: jobId, spec, createdAtMs }: JobRecord,
): IdempotencyEntry {
  return { keyHash, contentHash, jobId, expiresAtMs: createdAtMs + spec.retentionMs, rank: jobRank(jobId) };
}
