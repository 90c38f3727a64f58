/**
 * One KV bucket of the modelled JetStream: revisions, compare-and-set, and a time to live that the server notices up to
 * a second late. Watchers are not notified when a key expires.
 */
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { Timeline } from './timeline.ts';

interface Entry<V> {
  readonly value: V;
  readonly revision: number;
  readonly goneMs: number;
}

const sweepLagMs = 1_000;

export class KeyStore<V> {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #onChange: (key: string, value: V | undefined, revision: number) => void;
  readonly #entries = new Map<string, Entry<V>>();
  #revision = 0;
  /** The state on the disk. */
  #written = { entries: new Map<string, Entry<V>>(), revision: 0 };

  constructor(
    timeline: Timeline,
    random: Random,
    onChange: (key: string, value: V | undefined, revision: number) => void,
  ) {
    this.#timeline = timeline;
    this.#random = random;
    this.#onChange = onChange;
  }

  get(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.goneMs > this.#timeline.nowMs) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  present(): readonly (readonly [string, Entry<V>])[] {
    return [...this.#entries.keys()].flatMap((key) => {
      const entry = this.get(key);
      return entry === undefined ? [] : [[key, entry] as const];
    });
  }

  put(key: string, value: V, ttlMs: number): number {
    this.#revision += 1;
    const goneMs = this.#timeline.nowMs + ttlMs + this.#random() * sweepLagMs;
    this.#entries.set(key, { value, revision: this.#revision, goneMs });
    this.#onChange(key, value, this.#revision);
    return this.#revision;
  }

  /** Revision 0 means that the key must not exist. Undefined if the key has another revision. */
  update(key: string, value: V, expected: { readonly revision: number; readonly ttlMs: number }): number | undefined {
    if ((this.get(key)?.revision ?? 0) !== expected.revision) return undefined;
    return this.put(key, value, expected.ttlMs);
  }

  delete(key: string, revision?: number): boolean {
    const entry = this.get(key);
    if (entry === undefined || (revision !== undefined && entry.revision !== revision)) return false;
    this.#revision += 1;
    this.#entries.delete(key);
    this.#onChange(key, undefined, this.#revision);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#revision = 0;
    this.synced();
  }

  synced(): void {
    this.#written = { entries: new Map(this.#entries), revision: this.#revision };
  }

  /** Loses everything that was not written to the disk. */
  lose(): void {
    this.#entries.clear();
    for (const [key, entry] of this.#written.entries) this.#entries.set(key, entry);
    this.#revision = this.#written.revision;
  }
}
