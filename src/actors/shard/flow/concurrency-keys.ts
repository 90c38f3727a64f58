/**
 * The concurrency keys of the jobs of a gate: what runs and may start of each, what it is allowed, and the jobs whose turn
 * came while their key had no room. A key that nothing uses any more is forgotten.
 */
import type { JobRecord } from '../../../domain/job.ts';
import { Allowance, type AllowanceParts } from './allowance.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { QueueBook } from '../table/queue-book.ts';

export interface KeyState {
  running: number;
  sent: number;
  /** But for those that no live node could run. */
  held: number;
  /** Their turn came while the key had no room. */
  readonly parked: Set<JobEntry>;
  readonly allowance: Allowance;
}

export interface ConcurrencyKeysParts {
  readonly book: Pick<QueueBook, 'tenant' | 'queue'>;
  readonly monotonicMs: () => number;
  readonly ask: AllowanceParts['ask'];
  /** Its key has room: it gets its turn again. */
  readonly unpark: (entry: JobEntry) => void;
  readonly changed: () => void;
}

export class ConcurrencyKeys {
  readonly #parts: ConcurrencyKeysParts;
  readonly #keys = new Map<string, KeyState>();
  #parked = 0;

  constructor(parts: ConcurrencyKeysParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Over all keys. */
  get parked(): number {
    return this.#parked;
  }

  entries(): IterableIterator<[string, KeyState]> {
    return this.#keys.entries();
  }

  of({ spec: { concurrencyKey } }: JobRecord): KeyState | undefined {
    if (concurrencyKey === undefined) return undefined;
    const present = this.#keys.get(concurrencyKey);
    if (present !== undefined) return present;
    const { book, ask, changed } = this.#parts;
    const state: KeyState = {
      running: 0,
      sent: 0,
      held: 0,
      parked: new Set<JobEntry>(),
      allowance: new Allowance({
        limit: { tenant: book.tenant, queue: book.queue, key: concurrencyKey },
        demand: () => ({ using: state.running + state.sent, waiting: state.held }),
        ask,
        changed: () => {
          this.unpark(state);
          changed();
        },
      }),
    };
    this.#keys.set(concurrencyKey, state);
    return state;
  }

  room({ allowance, running, sent }: KeyState): number {
    return allowance.room(this.#parts.monotonicMs(), { using: running + sent, sent });
  }

  park(key: KeyState, entry: JobEntry): void {
    if (key.parked.has(entry)) return;
    key.parked.add(entry);
    this.#parked += 1;
  }

  /** As many as there is room for come to the front of their lines; the last one first, so that they keep their order. */
  unpark(key: KeyState): void {
    const room = Math.max(0, this.room(key));
    const ready: JobEntry[] = [];
    for (const entry of key.parked) {
      if (ready.length >= room) break;
      ready.push(entry);
    }
    for (const entry of ready.reverse()) {
      this.leave(key, entry);
      this.#parts.unpark(entry);
    }
  }

  leave(key: KeyState, entry: JobEntry): void {
    if (key.parked.delete(entry)) this.#parked -= 1;
  }

  /** What was granted is asked for again. */
  revoke(): void {
    for (const { allowance } of this.#keys.values()) allowance.revoke();
  }

  sweep(): void {
    for (const [name, key] of this.#keys) {
      if (key.running + key.sent + key.held === 0 && key.allowance.isIdle) this.#keys.delete(name);
    }
  }

  /** When one has to ask. */
  dueMs(): number {
    let dueMs = Infinity;
    for (const { allowance } of this.#keys.values()) dueMs = Math.min(dueMs, allowance.dueMs());
    return dueMs;
  }

  askIfDue(nowMs: number): void {
    for (const { allowance } of this.#keys.values()) allowance.askIfDue(nowMs);
  }
}
