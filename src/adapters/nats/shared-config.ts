/**
 * Manifests (`handler.<name>`) and queue versions (`queue.<tenant>.<queue>`) in KV, seen by everyone through a watch.
 * Whatever this process published is published again when the bucket was lost.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { SharedConfig } from '../../application/ports/membership.ts';
import type { KeyBucket, KeyChange } from './key-bucket.ts';
import { escapeToken } from './names.ts';
import type { StreamGuard } from './stream-guard.ts';

export class NatsSharedConfig implements SharedConfig {
  readonly #bucket: KeyBucket;
  readonly #own = new Map<string, string>();
  readonly #manifests = new Map<string, HandlerManifest>();
  readonly #texts = new Map<string, string>();
  readonly #queues = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #stopWatch: () => void;

  constructor(bucket: KeyBucket, guard: StreamGuard) {
    this.#bucket = bucket;
    guard.onRepair(async () => {
      await Promise.all([...this.#own].map(([key, value]) => this.#bucket.put(key, value)));
    });
    this.#stopWatch = bucket.watch((change) => this.#apply(change));
  }

  async publishManifest(manifest: HandlerManifest): Promise<void> {
    await this.#publish(`handler.${escapeToken(manifest.name)}`, JSON.stringify(manifest));
  }

  manifests(): ReadonlyMap<string, HandlerManifest> {
    return this.#manifests;
  }

  async touchQueue(tenant: string, queue: string, version: number): Promise<void> {
    await this.#publish(`queue.${tenant}.${queue}`, String(version));
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

  /** Shown here at once: who has published reads it back without waiting for the watch. */
  async #publish(key: string, value: string): Promise<void> {
    this.#own.set(key, value);
    await this.#bucket.put(key, value);
    this.#apply({ key, value, revision: 0 });
  }

  #apply(change: KeyChange): void {
    const { key, value } = change;
    if (value === undefined || this.#texts.get(key) === value) return;
    const changed = key.startsWith('handler.') ? this.#applyManifest(value) : this.#applyQueue(key, value);
    if (!changed) return;
    this.#texts.set(key, value);
    for (const listener of [...this.#listeners]) listener();
  }

  #applyManifest(text: string): boolean {
    try {
      const manifest = JSON.parse(text) as HandlerManifest | null;
      if (typeof manifest?.name !== 'string' || typeof manifest.version !== 'string') return false;
      this.#manifests.set(manifest.name, manifest);
      return true;
    } catch {
      return false;
    }
  }

  /** Versions only grow, whatever order the news comes in. */
  #applyQueue(key: string, text: string): boolean {
    const [, tenant, queue] = key.split('.');
    const version = Number(text);
    if (tenant === undefined || queue === undefined || !Number.isFinite(version)) return false;
    const name = `${tenant}/${queue}`;
    if (version <= (this.#queues.get(name) ?? -1)) return false;
    this.#queues.set(name, version);
    return true;
  }
}
