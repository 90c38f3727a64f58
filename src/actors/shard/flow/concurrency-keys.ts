/**
 * The concurrency keys of the jobs of a limiter. For each key it knows how many jobs run and may start, what the quota
 * is, and which jobs had their turn while the key had no room. A key that nothing uses any more is forgotten.
 */
import type { JobRecord } from '../../../domain/job.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { QueueIndex } from '../table/queue-index.ts';

export interface KeyState {
  running: number;
  dispatched: number;
  /** Without the jobs that stand aside because no live node has their handler. */
  held: number;
  /** Jobs that had their turn while the key had no room. */
  readonly blocked: Set<JobEntry>;
  readonly quota: LocalQuota;
}

export interface ConcurrencyKeysParts {
  readonly index: Pick<QueueIndex, 'tenant' | 'queue'>;
  readonly monotonicMs: () => number;
  readonly ask: LocalQuotaParts['ask'];
  /** Called when the key of the job has room, so that the job gets its turn again. */
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

  /** Blocked jobs of all keys. */
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

  /**
   * Moves as many jobs as there is room for to the front of their lines. It starts with the last of them, so that they
   * keep their order.
   */
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

  /** Discards what was granted. The keys ask for it again. */
  revoke(): void {
    for (const { quota } of this.#keys.values()) quota.revoke();
  }

  sweep(): void {
    for (const [name, key] of this.#keys) {
      if (key.running + key.dispatched + key.held === 0 && key.quota.isIdle) this.#keys.delete(name);
    }
  }

  /** When the next key has to ask its home. */
  dueMs(): number {
    let dueMs = Infinity;
    for (const { quota } of this.#keys.values()) dueMs = Math.min(dueMs, quota.dueMs());
    return dueMs;
  }

  askIfDue(nowMs: number): void {
    for (const { quota } of this.#keys.values()) quota.askIfDue(nowMs);
  }
}
