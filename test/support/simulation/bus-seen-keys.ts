/**
 * One host's view of a modelled bucket with a time to live: it applies changes and drops keys that were not renewed.
 */
import type { BusLink } from './bus-link.ts';

interface Seen<V> {
  readonly value: V;
  readonly text: string;
  readonly revision: number;
  readonly seenMs: number;
}

export class BusSeenKeys<V> {
  readonly #link: BusLink;
  readonly #ttlMs: number;
  readonly #seen = new Map<string, Seen<V>>();
  readonly #listeners = new Set<() => void>();

  constructor(link: BusLink, ttlMs: number) {
    this.#link = link;
    this.#ttlMs = ttlMs;
    link.onUp(() => {
      this.#grantTtl(false);
    });
    this.#sweep();
  }

  values(): readonly (readonly [string, V])[] {
    return [...this.#seen].flatMap(([key, seen]) => (this.#isExpired(seen) ? [] : [[key, seen.value] as const]));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(key: string, value: V | undefined, revision: number): void {
    const known = this.#seen.get(key);
    if (known !== undefined && revision <= known.revision) return;
    if (value === undefined) {
      if (this.#seen.delete(key)) this.#notify();
      return;
    }
    const text = JSON.stringify(value);
    this.#seen.set(key, { value, text, revision, seenMs: this.#nowMs() });
    if (known?.text !== text) this.#notify();
  }

  /** The bucket was created again, so revisions start from the beginning. */
  replaced(): void {
    this.#grantTtl(true);
  }

  #nowMs(): number {
    return this.#link.host.clock.monotonicMs();
  }

  #isExpired(seen: Seen<V>): boolean {
    return this.#link.connected && this.#nowMs() - seen.seenMs > this.#ttlMs;
  }

  #grantTtl(anew: boolean): void {
    const seenMs = this.#nowMs();
    for (const [key, seen] of this.#seen) {
      this.#seen.set(key, { ...seen, seenMs, revision: anew ? 0 : seen.revision });
    }
  }

  #sweep(): void {
    this.#link.host.clock.setTimer(this.#ttlMs / 8, () => {
      let isGone = false;
      for (const [key, seen] of this.#seen) if (this.#isExpired(seen)) isGone = this.#seen.delete(key) || isGone;
      if (isGone) this.#notify();
      this.#sweep();
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
