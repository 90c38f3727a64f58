/**
 * The keys of a bucket with a ttl, as this process sees them. The expiry of a key is not reported to watchers. So this
 * view forgets a key itself if it has seen no renewal for one ttl of the local clock.
 *
 * While disconnected nothing can be received, so the view does not change. After a reconnect every key gets one more
 * ttl. A key that expired before this process started may be shown for up to one ttl too long.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { KeyBucket, KeyChange } from './key-bucket.ts';
import type { NatsLink } from './link.ts';
import type { StreamGuard } from './stream-guard.ts';

export interface SeenKeysOptions<T> {
  readonly link: Pick<NatsLink, 'connected' | 'onUp'>;
  readonly guard: Pick<StreamGuard, 'onBucketRepair' | 'onBucketDoubt'>;
  readonly bucket: Pick<KeyBucket, 'watch'>;
  readonly clock: Clock;
  readonly ttlMs: number;
  /** Returns undefined if the key is not ours. */
  readonly read: (key: string, text: string) => T | undefined;
}

interface Seen<T> {
  readonly value: T;
  readonly text: string;
  readonly revision: number;
  readonly seenMs: number;
}

export class SeenKeys<T> {
  readonly #options: SeenKeysOptions<T>;
  readonly #seen = new Map<string, Seen<T>>();
  readonly #listeners = new Set<() => void>();
  readonly #stops: readonly (() => void)[];
  #cancelTimer: () => void = () => undefined;

  constructor(options: SeenKeysOptions<T>) {
    this.#options = options;
    this.#stops = [
      options.link.onUp(() => this.#grantTtl()),
      // Revisions start from 0 in a recreated bucket.
      options.guard.onBucketRepair(async () => this.#grantTtl(0)),
      // Revisions go back in a bucket that lost writes it had not written to its disk.
      options.guard.onBucketDoubt(() => this.#grantTtl(0)),
      options.bucket.watch((change) => this.#apply(change)),
    ];
    this.#scheduleSweep();
  }

  *values(): Generator<T, void> {
    for (const seen of this.#seen.values()) if (!this.#isExpired(seen)) yield seen.value;
  }

  /** Calls `listener` when a key appears, disappears or changes its value. A mere renewal is not reported. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#cancelTimer();
  }

  #apply(change: KeyChange): void {
    const known = this.#seen.get(change.key);
    if (known !== undefined && change.revision <= known.revision) return;
    if (change.value === undefined) {
      if (this.#seen.delete(change.key)) this.#notify();
      return;
    }
    const value = this.#options.read(change.key, change.value);
    if (value === undefined) return;
    const seenMs = this.#options.clock.monotonicMs();
    this.#seen.set(change.key, { value, text: change.value, revision: change.revision, seenMs });
    if (known?.text !== change.value) this.#notify();
  }

  #isExpired(seen: Seen<T>): boolean {
    return this.#options.link.connected && this.#options.clock.monotonicMs() - seen.seenMs > this.#options.ttlMs;
  }

  #grantTtl(revision?: number): void {
    const seenMs = this.#options.clock.monotonicMs();
    for (const [key, seen] of this.#seen) this.#seen.set(key, { ...seen, seenMs, revision: revision ?? seen.revision });
  }

  /** Removes expired keys at least every eighth of a ttl, so their expiry is reported at most that late. */
  #scheduleSweep(): void {
    this.#cancelTimer = this.#options.clock.setTimer(Math.max(this.#options.ttlMs / 8, 50), () => {
      let gone = false;
      for (const [key, seen] of this.#seen) {
        if (this.#isExpired(seen)) gone = this.#seen.delete(key) || gone;
      }
      if (gone) this.#notify();
      this.#scheduleSweep();
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
