/** Keys this owner has seen or looked up; the store knows the rest. Bounded: the oldest are forgotten first. */
import type { IdempotencyEntry } from '../../application/ports/job-store.ts';
import type { JobId } from '../../domain/job-id.ts';

export class IdempotencyKeys {
  readonly #entries = new Map<string, IdempotencyEntry>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(keyHash: string, nowMs: number): IdempotencyEntry | undefined {
    const entry = this.#entries.get(keyHash);
    return entry !== undefined && entry.expiresAtMs > nowMs ? entry : undefined;
  }

  set(entry: IdempotencyEntry): void {
    this.#entries.delete(entry.keyHash);
    this.#entries.set(entry.keyHash, entry);
    if (this.#entries.size <= this.#max) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  /** The entry of this key, if it is about this job. */
  forget(keyHash: string, jobId: JobId): void {
    if (this.#entries.get(keyHash)?.jobId === jobId) this.#entries.delete(keyHash);
  }

  expire(nowMs: number): void {
    for (const [keyHash, entry] of this.#entries) {
      if (entry.expiresAtMs > nowMs) break;
      this.#entries.delete(keyHash);
    }
  }
}
