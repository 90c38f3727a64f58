/**
 * Manifests of handlers (`handler.<name>.<version>`) and stamps of queues (`queue.<tenant>.<queue>`) in KV. Every
 * process sees them through a watch. Each process publishes its own entries again if the bucket was lost or may have
 * lost them. A queue that was removed does not reappear through that.
 *
 * Versions of a handler coexist, because nodes with different versions run at the same time during a deploy. The newest
 * `versionsMax` versions of each handler are kept. A process that publishes another one removes the oldest.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { someAtOnce } from '../../domain/some-at-once.ts';
import type { SharedConfig } from '../../application/ports/membership.ts';
import type { KeyBucket, KeyChange } from './key-bucket.ts';
import { requestsAtOnce } from './limits.ts';
import { escapeToken } from './names.ts';
import type { StreamGuard } from './stream-guard.ts';
import { TakenAway } from './taken-away.ts';

/** How many versions of one handler are kept. */
export const versionsMax = 16;

type ConfigBucket = Pick<KeyBucket, 'put' | 'delete' | 'watch'>;

interface Published {
  readonly manifest: HandlerManifest;
  readonly revision: number;
}

export class NatsSharedConfig implements SharedConfig {
  readonly #bucket: ConfigBucket;
  /** Stamps of removed queues. A new queue of the same name has a higher stamp. */
  readonly #removed = new TakenAway<number>();
  readonly #own = new Map<string, string>();
  /** Manifests by handler name, then by key. */
  readonly #manifests = new Map<string, Map<string, Published>>();
  readonly #lists = new Map<string, readonly HandlerManifest[]>();
  readonly #texts = new Map<string, string>();
  readonly #queues = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #stopWatch: () => void;

  constructor(bucket: ConfigBucket, guard: Pick<StreamGuard, 'onBucketRepair' | 'onBucketDoubt'>) {
    this.#bucket = bucket;
    const restore = async (): Promise<void> => {
      await someAtOnce([...this.#own], requestsAtOnce, async ([key, value]) => {
        await this.#bucket.put(key, value);
      });
    };
    guard.onBucketRepair(restore);
    // Most entries still exist. An entry that cannot be written now is written at the next doubt.
    guard.onBucketDoubt(() => void restore().catch(() => undefined));
    this.#stopWatch = bucket.watch((change) => this.#apply(change));
  }

  async publishManifest(manifest: HandlerManifest): Promise<void> {
    const { name, version } = manifest;
    await this.#publish(`handler.${escapeToken(name)}.${escapeToken(version)}`, JSON.stringify(manifest));
    const oldestFirst = [...(this.#manifests.get(name) ?? [])].sort(([, a], [, b]) => a.revision - b.revision);
    const surplus = oldestFirst.slice(0, -versionsMax).map(([key]) => key);
    await Promise.all(surplus.map((key) => this.#bucket.delete(key)));
  }

  manifestsOf(handler: string): readonly HandlerManifest[] {
    return this.#lists.get(handler) ?? [];
  }

  handlerNames(): Iterable<string> {
    return this.#lists.keys();
  }

  async touchQueue(tenant: string, queue: string, stamp: number): Promise<void> {
    await this.#publish(`queue.${tenant}.${queue}`, String(stamp));
  }

  async removeQueue(tenant: string, queue: string): Promise<void> {
    const key = `queue.${tenant}.${queue}`;
    this.#own.delete(key);
    const removed = this.#queues.get(`${tenant}/${queue}`);
    // Remember the removal even if the delete below fails.
    if (removed !== undefined) this.#removed.remember(key, removed);
    await this.#bucket.delete(key);
  }

  queues(): ReadonlyMap<string, number> {
    return this.#queues;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopWatch();
  }

  /** Applies the write at once, so that the publisher reads it back without waiting for the watch. */
  async #publish(key: string, value: string): Promise<void> {
    this.#own.set(key, value);
    const revision = await this.#bucket.put(key, value);
    this.#apply({ key, value, revision });
  }

  #apply({ key, value, revision }: KeyChange): void {
    if (value === undefined ? !this.#texts.has(key) : this.#texts.get(key) === value) return;
    const changed = key.startsWith('handler.')
      ? this.#applyManifest(key, value, revision)
      : this.#applyQueue(key, value, revision);
    if (!changed) return;
    if (value === undefined) this.#texts.delete(key);
    else this.#texts.set(key, value);
    for (const listener of [...this.#listeners]) listener();
  }

  #applyManifest(key: string, text: string | undefined, revision: number): boolean {
    if (text === undefined) {
      for (const [name, versions] of this.#manifests) if (versions.delete(key)) this.#list(name, versions);
      return true;
    }
    const manifest = readManifest(text);
    if (manifest === undefined) return false;
    const versions = this.#manifests.get(manifest.name) ?? new Map<string, Published>();
    versions.set(key, { manifest, revision });
    this.#manifests.set(manifest.name, versions);
    this.#list(manifest.name, versions);
    return true;
  }

  #list(name: string, versions: ReadonlyMap<string, Published>): void {
    this.#lists.set(
      name,
      [...versions.values()].map(({ manifest }) => manifest),
    );
  }

  /** Stamps only grow, so changes may arrive in any order. */
  #applyQueue(key: string, text: string | undefined, revision: number): boolean {
    const [, tenant, queue] = key.split('.');
    if (tenant === undefined || queue === undefined) return false;
    const name = `${tenant}/${queue}`;
    if (text === undefined) {
      // Processes that published the queue before must not publish it again.
      this.#own.delete(key);
      const removed = this.#queues.get(name);
      if (removed !== undefined) this.#removed.remember(key, removed);
      return this.#queues.delete(name);
    }
    const stamp = Number(text);
    if (stamp <= (this.#removed.get(key) ?? -1)) {
      this.#own.delete(key);
      // Every process that sees the stale entry deletes it. A newer entry has another revision and stays.
      void this.#bucket.delete(key, revision).catch(() => undefined);
      return false;
    }
    if (!Number.isFinite(stamp) || stamp <= (this.#queues.get(name) ?? -1)) return false;
    this.#removed.forget(key);
    this.#queues.set(name, stamp);
    return true;
  }
}

function readManifest(text: string): HandlerManifest | undefined {
  try {
    const manifest = JSON.parse(text) as HandlerManifest | null;
    return typeof manifest?.name === 'string' && typeof manifest.version === 'string' ? manifest : undefined;
  } catch {
    return undefined;
  }
}
