/**
 * Idempotency keys in memory. A key that the store may not have yet is held until it does, because otherwise the key
 * could create a second job. Of the keys that the store knows, a bounded number is kept, and the oldest are forgotten
 * first.
 *
 * If a key has two entries, the entry of the later job counts, in whatever order they come.
 */
import type { IdempotencyEntry } from '../../../application/ports/job-store.ts';

export class IdempotencyKeys {
  readonly #held = new Map<string, IdempotencyEntry>();
  readonly #known = new Map<string, IdempotencyEntry>();
  readonly #knownMax: number;

  constructor(knownMax: number) {
    this.#knownMax = knownMax;
  }

  get(keyHash: string, nowMs: number): IdempotencyEntry | undefined {
    const entry = this.#held.get(keyHash) ?? this.#known.get(keyHash);
    return entry !== undefined && entry.expiresAtMs > nowMs ? entry : undefined;
  }

  /** Holds the entry of an unfinished job, or one that is on its way to the store, until `stored` is called. */
  hold(entry: IdempotencyEntry): void {
    const { keyHash } = entry;
    if (isOlder(entry, this.#held.get(keyHash)) || isOlder(entry, this.#known.get(keyHash))) return;
    this.#held.set(keyHash, entry);
    this.#known.delete(keyHash);
  }

  stored(entry: IdempotencyEntry): void {
    const held = this.#held.get(entry.keyHash);
    if (held?.jobId === entry.jobId) this.#held.delete(entry.keyHash);
    if (!isOlder(entry, held)) this.found(entry);
  }

  /** The store has this entry. */
  found(entry: IdempotencyEntry): void {
    if (isOlder(entry, this.#known.get(entry.keyHash))) return;
    this.#known.delete(entry.keyHash);
    this.#known.set(entry.keyHash, entry);
    if (this.#known.size <= this.#knownMax) return;
    const oldest = this.#known.keys().next();
    if (oldest.done !== true) this.#known.delete(oldest.value);
  }

  expire(nowMs: number): void {
    for (const [keyHash, entry] of this.#known) {
      if (entry.expiresAtMs > nowMs) break;
      this.#known.delete(keyHash);
    }
  }
}

function isOlder(entry: IdempotencyEntry, present: IdempotencyEntry | undefined): boolean {
  return present !== undefined && present.rank > entry.rank;
}
