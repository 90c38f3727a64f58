/**
 * Writes the keys of ended jobs to the store. No submit waits for this. The shard knows the key of a job until it is
 * written, and a partition is not sealed before its keys are stored, so the next owner finds the key in the record. A
 * key whose write a crash has prevented is therefore found and written again. Writing it twice changes nothing.
 */
import { keysPutMax, type IdempotencyEntry, type JobStore } from '../../../application/ports/job-store.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';

interface Waiting {
  /** The bucket of the job whose record has the key. */
  readonly bucket: number;
  readonly entry: IdempotencyEntry;
  readonly stored: (entry: IdempotencyEntry) => void;
}

export interface KeyWriterParts {
  readonly shard: number;
  readonly store: Pick<JobStore, 'putKeys'>;
  readonly context: Pick<ActorContext<ShardMessage>, 'pipeToSelf' | 'log'>;
  readonly nowMs: () => number;
}

export class KeyWriter {
  readonly #parts: KeyWriterParts;
  readonly #live: Waiting[] = [];
  /** Keys found at a recovery. They are written after the live ones, and nobody waits for them. */
  readonly #restored: Waiting[] = [];
  readonly #perBucket = new Map<number, number>();
  #isWriting = false;

  constructor(parts: KeyWriterParts) {
    this.#parts = parts;
  }

  /** Keys of jobs that ended under this owner. */
  get backlog(): number {
    return this.#live.length;
  }

  /** Whether the store lacks a key of a job of this partition. */
  isOpen(bucket: number): boolean {
    return this.#perBucket.has(bucket);
  }

  add(waiting: Waiting, when: 'now' | 'before'): void {
    (when === 'now' ? this.#live : this.#restored).push(waiting);
    this.#perBucket.set(waiting.bucket, (this.#perBucket.get(waiting.bucket) ?? 0) + 1);
    if (this.#live.length >= keysPutMax) this.write();
  }

  /**
   * Writes what waits, one request at a time, until nothing waits or the store refuses. After a refusal the next call
   * tries again.
   */
  write(): void {
    if (this.#isWriting) return;
    const source = this.#live.length > 0 ? this.#live : this.#restored;
    const some = source.slice(0, keysPutMax);
    if (some.length === 0) return;
    this.#isWriting = true;
    whenAnswered(this.#parts.context, 'store', this.#put(some), (outcome) => {
      this.#isWriting = false;
      if (outcome.status === 'rejected') {
        this.#parts.context.log.debug({ err: outcome.reason as unknown }, 'keys not stored; they are tried again');
        return;
      }
      source.splice(0, some.length);
      for (const { bucket, entry, stored } of some) {
        this.#leave(bucket);
        stored(entry);
      }
      if (this.#live.length >= keysPutMax || this.#restored.length > 0) this.write();
    });
  }

  #put(some: readonly Waiting[]): Promise<void> {
    const { shard, store, nowMs } = this.#parts;
    const now = nowMs();
    const lasting = some.flatMap(({ entry }) => (entry.expiresAtMs > now ? [entry] : []));
    return lasting.length === 0 ? Promise.resolve() : store.putKeys(shard, lasting);
  }

  #leave(bucket: number): void {
    const left = (this.#perBucket.get(bucket) ?? 0) - 1;
    if (left > 0) this.#perBucket.set(bucket, left);
    else this.#perBucket.delete(bucket);
  }
}
