/**
 * Reads that are in the audit log already. A page that is looked at asks for the same job each second; that is one read. The
 * same caller, from the same address, with the same reason and request, has one entry a minute.
 *
 * Only what was answered and whose entry is stored counts, so no read is left out for one that was refused or lost.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../../application/ports/runtime.ts';
import type { AuditedCall } from '../../domain/audit/audit-entry.ts';

const repeatMs = 60_000;
/** Beyond it the oldest is forgotten, and its next repetition has an entry. */
const keysMax = 10_000;

export class RepeatedReads {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** When the entry was made, by what was read. The oldest comes first. */
  readonly #entries = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  has(read: string): boolean {
    const atMs = this.#entries.get(read);
    return atMs !== undefined && this.#clock.monotonicMs() - atMs < repeatMs;
  }

  add(read: string, atMs: number): void {
    this.#entries.delete(read);
    this.#entries.set(read, atMs);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > keysMax && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** What tells one read from another. `request` is that of the call: two long ones may begin alike. */
export function readKeyOf(call: AuditedCall, request: unknown): string {
  const { requestId: _requestId, about: _about, ...caller } = call;
  return hash('sha256', JSON.stringify([caller, request]), 'base64');
}
