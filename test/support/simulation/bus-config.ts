/**
 * The shared configuration over the modelled bucket. Stamps of queues are announced to all processes, and the process
 * that put a stamp restores it if the bucket was lost. Every process knows the default queue and the one handler from
 * the start.
 */
import type { SharedConfig } from '../../../src/application/ports/membership.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import type { BusLink } from './bus-link.ts';
import type { BusServer } from './bus-server.ts';

const keyTimeoutMs = 2_000;

interface Stamped {
  /** Undefined if the key was deleted. */
  readonly stamp: number | undefined;
  readonly revision: number;
}

/** The server's side. A deleted key leaves a mark, so that a watch that starts again learns of the deletion. */
export class ConfigBucket {
  #keys = new Map<string, Stamped>();
  #written = new Map<string, Stamped>();
  #revision = 0;

  all(): Iterable<readonly [string, Stamped]> {
    return this.#keys;
  }

  put(key: string, stamp: number | undefined): number {
    this.#revision += 1;
    this.#keys.set(key, { stamp, revision: this.#revision });
    return this.#revision;
  }

  clear(): void {
    this.#keys.clear();
    this.#written.clear();
    this.#revision = 0;
  }

  synced(): void {
    this.#written = new Map(this.#keys);
  }

  /** Loses everything that was not written to the disk. */
  lose(): void {
    this.#keys = new Map(this.#written);
  }
}

export class BusConfig implements SharedConfig {
  readonly #link: BusLink;
  readonly #server: BusServer;
  readonly #manifest: HandlerManifest;
  readonly #own = new Map<string, number>();
  readonly #queues: Map<string, number>;
  readonly #listeners = new Set<() => void>();

  constructor(
    link: BusLink,
    server: BusServer,
    known: { readonly manifest: HandlerManifest; readonly queue: string; readonly stamp: number },
  ) {
    this.#link = link;
    this.#server = server;
    this.#manifest = known.manifest;
    this.#queues = new Map([[known.queue, known.stamp]]);
  }

  publishManifest(): Promise<void> {
    return Promise.resolve();
  }

  manifestsOf(handler: string): readonly HandlerManifest[] {
    return handler === this.#manifest.name ? [this.#manifest] : [];
  }

  handlerNames(): Iterable<string> {
    return [this.#manifest.name];
  }

  async touchQueue(tenant: string, queue: string, stamp: number): Promise<void> {
    const key = `${tenant}/${queue}`;
    this.#own.set(key, stamp);
    await this.#put(key, stamp);
    this.apply(key, stamp);
  }

  async removeQueue(tenant: string, queue: string): Promise<void> {
    const key = `${tenant}/${queue}`;
    this.#own.delete(key);
    await this.#put(key, undefined);
  }

  queues(): ReadonlyMap<string, number> {
    return this.#queues;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Applies a change of the bucket. Stamps only grow, whatever the order in which they arrive. */
  apply(key: string, stamp: number | undefined): void {
    if (stamp === undefined) {
      this.#own.delete(key);
      if (!this.#queues.delete(key)) return;
    } else {
      if (stamp <= (this.#queues.get(key) ?? -1)) return;
      this.#queues.set(key, stamp);
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** The bucket may have lost what this process put, so put it again. */
  async restore(): Promise<void> {
    await Promise.all([...this.#own].map(([key, stamp]) => this.#put(key, stamp)));
  }

  #put(key: string, stamp: number | undefined): Promise<number> {
    return this.#link.call(() => this.#server.putConfig(key, stamp), { timeoutMs: keyTimeoutMs });
  }
}
