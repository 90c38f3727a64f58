/** A NATS key-value bucket in memory that can fail as a real one does: by losing its newest writes, or all of them. */
import type { KeyBucket, KeyChange, StoredKey } from '../../src/adapters/nats/key-bucket.ts';
import type { NatsLink } from '../../src/adapters/nats/link.ts';
import type { StreamGuard } from '../../src/adapters/nats/stream-guard.ts';

type BucketLike = Pick<KeyBucket, 'put' | 'get' | 'update' | 'delete' | 'watch'>;

export class MemoryBucket {
  /** The writes that are on disk, in the order of their revisions. */
  #writes: KeyChange[] = [];
  readonly #views = new Set<BucketView>();

  get last(): number {
    return this.#writes.at(-1)?.revision ?? 0;
  }

  /** The bucket as one process sees it. */
  view(): BucketView {
    const view = new BucketView(this);
    this.#views.add(view);
    return view;
  }

  present(key: string): KeyChange | undefined {
    return this.#writes.findLast((write) => write.key === key);
  }

  /** What a new watch receives first: the latest write of each key. */
  all(): readonly KeyChange[] {
    return [...new Set(this.#writes.map(({ key }) => key))].flatMap((key) => this.present(key) ?? []);
  }

  write(key: string, value: string | undefined): number {
    const change = { key, value, revision: this.last + 1 };
    this.#writes.push(change);
    for (const view of this.#views) view.tell(change);
    return change.revision;
  }

  /** Loses every write after `revision`, as in a power failure. */
  loseBehind(revision: number): void {
    this.#writes = this.#writes.filter((write) => write.revision <= revision);
  }
}

export class BucketView implements BucketLike {
  isConnected = true;
  readonly #bucket: MemoryBucket;
  readonly #watchers = new Set<(change: KeyChange) => void>();
  readonly #repairs: (() => Promise<void>)[] = [];
  readonly #doubters: (() => void)[] = [];
  readonly #downListeners: (() => void)[] = [];

  readonly link: Pick<NatsLink, 'connected' | 'onUp' | 'onDown'> = {
    connected: true,
    onUp: () => () => undefined,
    onDown: (listener) => {
      this.#downListeners.push(listener);
      return () => undefined;
    },
  };

  readonly guard: Pick<StreamGuard, 'onBucketRepair' | 'onBucketDoubt'> = {
    onBucketRepair: (repair) => {
      this.#repairs.push(repair);
      return () => undefined;
    },
    onBucketDoubt: (doubter) => {
      this.#doubters.push(doubter);
      return () => undefined;
    },
  };

  constructor(bucket: MemoryBucket) {
    this.#bucket = bucket;
  }

  async put(key: string, value: string): Promise<number> {
    return this.#bucket.write(key, value);
  }

  async get(key: string): Promise<StoredKey | undefined> {
    return this.#bucket.present(key);
  }

  async update(key: string, value: string, revision: number): Promise<number | undefined> {
    if ((this.#bucket.present(key)?.revision ?? 0) !== revision) return undefined;
    return this.#bucket.write(key, value);
  }

  async delete(key: string, revision?: number): Promise<boolean> {
    if (revision !== undefined && this.#bucket.present(key)?.revision !== revision) return false;
    this.#bucket.write(key, undefined);
    return true;
  }

  watch(onChange: (change: KeyChange) => void): () => void {
    this.#watchers.add(onChange);
    for (const change of this.#bucket.all()) onChange(change);
    return () => this.#watchers.delete(onChange);
  }

  tell(change: KeyChange): void {
    if (this.isConnected) for (const watcher of this.#watchers) watcher(change);
  }

  /** The connection breaks. Whether the bucket has lost something is not looked at yet. */
  disconnect(): void {
    for (const listener of this.#downListeners) listener();
  }

  /** The connection is back, or the bucket is in doubt: the watch starts again. */
  async doubt(): Promise<void> {
    this.isConnected = true;
    for (const doubter of this.#doubters) doubter();
    await this.#again();
  }

  /** The bucket was created again. */
  async repair(): Promise<void> {
    this.isConnected = true;
    await Promise.all(this.#repairs.map((repair) => repair()));
    await this.#again();
  }

  async #again(): Promise<void> {
    for (const change of this.#bucket.all()) this.tell(change);
    // Let the reactions to these changes be written.
    await new Promise(setImmediate);
  }
}
