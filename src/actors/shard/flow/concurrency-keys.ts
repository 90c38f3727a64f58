/**
 * The concurrency keys of the jobs of a limiter: what runs and may start of each, what it is allowed, and the jobs whose turn
 * came while their key had no room. A key that nothing uses any more is forgotten.
 */
import type { JobRecord } from '../../../domain/job.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { QueueIndex } from '../table/queue-index.ts';

export interface KeyState {
  running: number;
  dispatched: number;
  /** But for those that no live node could run. */
  held: number;
  /** Their turn came while the key had no room. */
  readonly blocked: Set<JobEntry>;
  readonly quota: LocalQuota;
}

export interface ConcurrencyKeysParts {
  readonly index: Pick<QueueIndex, 'tenant' | 'queue'>;
  readonly monotonicMs: () => number;
  readonly ask: LocalQuotaParts['ask'];
  /** Its key has room: it gets its turn again. */
  readonly unblock: (entry: JobEntry) => void;
  readonly changed: () => void;
}

export class ConcurrencyKeys {
  readonly #parts: ConcurrencyKeysParts;
  readonly #keys = new Map<string, KeyState>();
  #blocked = 0;

  constructor(parts: ConcurrencyKeysParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Over all keys. */
  get blocked(): number {
    return this.#blocked;
  }

  entries(): IterableIterator<[string, KeyState]> {
    return this.#keys.entries();
  }

  of({ spec: { concurrencyKey } }: JobRecord): KeyState | undefined {
    if (concurrencyKey === undefined) return undefined;
    const present = this.#keys.get(concurrencyKey);
    if (present !== undefined) return present;
    const { index, ask, changed } = this.#parts;
    const state: KeyState = {
      running: 0,
      dispatched: 0,
      held: 0,
      blocked: new Set<JobEntry>(),
      quota: new LocalQuota({
        limit: { tenant: index.tenant, queue: index.queue, key: concurrencyKey },
        demand: () => ({ using: state.running + state.dispatched, waiting: state.held }),
        ask,
        changed: () => {
          this.unblock(state);
          changed();
        },
      }),
    };
    this.#keys.set(concurrencyKey, state);
    return state;
  }

  room({ quota, running, dispatched }: KeyState): number {
    return quota.room(this.#parts.monotonicMs(), { using: running + dispatched, dispatched });
  }

  block(key: KeyState, entry: JobEntry): void {
    if (key.blocked.has(entry)) return;
    key.blocked.add(entry);
    this.#blocked += 1;
  }

  /** As many as there is room for come to the front of their lines; the last one first, so that they keep their order. */
  unblock(key: KeyState): void {
    const room = Math.max(0, this.room(key));
    const ready: JobEntry[] = [];
    for (const entry of key.blocked) {
      if (ready.length >= room) break;
      ready.push(entry);
    }
    for (const entry of ready.reverse()) {
      this.leave(key, entry);
      this.#parts.unblock(entry);
    }
  }

  leave(key: KeyState, entry: JobEntry): void {
    if (key.blocked.delete(entry)) this.#blocked -= 1;
  }

  /** What was granted is asked for again. */
  revoke(): void {
    for (const { quota } of this.#keys.values()) quota.revoke();
  }

  sweep(): void {
    for (const [name, key] of this.#keys) {
      if (key.running + key.dispatched + key.held === 0 && key.quota.isIdle) this.#keys.delete(name);
    }
  }

  /** When one has to ask. */
  dueMs(): number {
    let dueMs = Infinity;
    for (const { quota } of this.#keys.values()) dueMs = Math.min(dueMs, quota.dueMs());
    return dueMs;
  }

  askIfDue(nowMs: number): void {
    for (const { quota } of this.#keys.values()) quota.askIfDue(nowMs);
  }
}
