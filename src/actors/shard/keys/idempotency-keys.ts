/**
 * Keys in memory. Those that the store may not have yet are held for as long as that is so: without them a key could
 * make a second job. Of the others, which the store knows as well, a bounded number; the oldest are forgotten first.
 *
 * Of two entries of a key the one of the later job counts, in whatever order they come.
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

  /** Until `stored`: of a job that is not over, or whose entry is on its way to the store. */
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

  /** The store said so. */
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
