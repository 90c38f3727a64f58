/**
 * One KV bucket. Reads and writes have a time limit, reject with our errors, and fail at once when the connection is
 * lost. A watch is reopened after a reconnect, after the bucket was recreated, and whenever it ends.
 */
import { jetstream } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm, type KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from '@nats-io/transport-node';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { VitalSigns } from '../../application/cluster/vital-signs.ts';
import { brokerError, brokerUnavailable, isMissingAsset, isRevisionConflict } from './broker-error.ts';
import type { NatsLink } from './link.ts';
import type { StreamGuard } from './stream-guard.ts';

export interface KeyBucketOptions {
  readonly link: NatsLink;
  readonly guard: StreamGuard;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bucket: string;
  /** Limit of each read and write. */
  readonly timeoutMs: number;
  /** Receives the outcome of each write. Set for buckets that hold leases. */
  readonly vitals?: VitalSigns;
}

/** One change that a watch reports. `value` is undefined if the key was deleted. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: number;
}

/** A key as it is stored. `value` is undefined if the key was deleted. */
export interface StoredKey {
  readonly value: string | undefined;
  readonly revision: number;
}

const watchRetryMs = 500;

/**
 * A KV bucket. Operations reject with BROKER_UNAVAILABLE while disconnected, on a timeout, or if the bucket is missing.
 */
export class KeyBucket {
  readonly #options: KeyBucketOptions;
  readonly #watchesOpening = new Set<Promise<unknown>>();
  #opening: Promise<KV> | undefined;

  constructor(options: KeyBucketOptions) {
    this.#options = options;
  }

  /**
   * Resolves once no watch is being opened. Await this before the connection is closed: the client tries forever to
   * open a watch on a closed connection, and that keeps the process alive.
   */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#watchesOpening);
  }

  put(key: string, value: string): Promise<number> {
    return this.#write((kv) => kv.put(key, value));
  }

  /**
   * Writes the key if its revision is still `revision`; 0 means that the key must not exist. Resolves to undefined if
   * the revision differs.
   */
  async update(key: string, value: string, revision: number): Promise<number | undefined> {
    try {
      return await this.#write((kv) => kv.put(key, value, { previousSeq: revision }));
    } catch (error) {
      if (isRevisionConflict(error)) return undefined;
      throw error;
    }
  }

  async get(key: string): Promise<StoredKey | undefined> {
    const entry = await this.#run<KvEntry | null>((kv) => kv.get(key));
    if (entry === null) return undefined;
    return { value: entry.operation === 'PUT' ? entry.string() : undefined, revision: entry.revision };
  }

  /** Deletes the key. Resolves to false if `revision` is given and the key's revision differs. */
  async delete(key: string, revision?: number): Promise<boolean> {
    try {
      await this.#run((kv) => kv.delete(key, revision === undefined ? {} : { previousSeq: revision }));
      return true;
    } catch (error) {
      if (isRevisionConflict(error)) return false;
      throw error;
    }
  }

  /** Reports all keys as they are, then each change. After an interruption all keys are reported again. */
  watch(onChange: (change: KeyChange) => void): () => void {
    const watch = new KeyWatch(this.#options, () => this.#openWatch(), onChange);
    return () => watch.close();
  }

  #openWatch(): Promise<QueuedIterator<KvWatchEntry>> {
    const opening = this.#kv().then((kv) => kv.watch());
    this.#watchesOpening.add(opening);
    const opened = (): boolean => this.#watchesOpening.delete(opening);
    opening.then(opened, opened);
    return opening;
  }

  async #write(operation: (kv: KV) => Promise<number>): Promise<number> {
    const { vitals } = this.#options;
    try {
      const revision = await this.#run(operation);
      vitals?.ok('leases');
      return revision;
    } catch (error) {
      // A conflict shows only that the server can read. The next write shows whether it can write.
      if (!isRevisionConflict(error)) vitals?.failed('leases', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Lets revision conflicts pass unchanged and translates every other error. */
  async #run<T>(operation: (kv: KV) => Promise<T>): Promise<T> {
    const { link, guard } = this.#options;
    let stopListening: () => void = () => undefined;
    const linkLost = new Promise<never>((_, reject) => {
      stopListening = link.onDown(() => reject(brokerUnavailable('the link to NATS was lost')));
    });
    try {
      link.assertConnected();
      return await Promise.race([this.#kv().then(operation), linkLost]);
    } catch (error) {
      if (isRevisionConflict(error)) throw error;
      if (isMissingAsset(error)) guard.suspect();
      throw brokerError(error);
    } finally {
      stopListening();
    }
  }

  async #kv(): Promise<KV> {
    const client = jetstream(this.#options.link.connection, { timeout: this.#options.timeoutMs });
    this.#opening ??= new Kvm(client).open(this.#options.bucket).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }
}

class KeyWatch {
  readonly #options: KeyBucketOptions;
  readonly #open: () => Promise<QueuedIterator<KvWatchEntry>>;
  readonly #onChange: (change: KeyChange) => void;
  readonly #stopListening: readonly (() => void)[];
  #entries: QueuedIterator<KvWatchEntry> | undefined;
  /** Counts the stops, so that the loop of a stopped watch notices that it is outdated. */
  #generation = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(
    options: KeyBucketOptions,
    open: () => Promise<QueuedIterator<KvWatchEntry>>,
    onChange: (change: KeyChange) => void,
  ) {
    this.#options = options;
    this.#open = open;
    this.#onChange = onChange;
    this.#stopListening = [
      options.link.onUp(() => this.#restart()),
      options.link.onDown(() => this.#stop()),
      options.guard.onBucketRepair(async () => this.#restart()),
      // The keys may have gone back to an earlier state, and an open watch does not report that.
      options.guard.onBucketDoubt(() => this.#restart()),
    ];
    this.#restart();
  }

  close(): void {
    for (const stop of this.#stopListening) stop();
    this.#stop();
  }

  #stop(): void {
    this.#generation += 1;
    this.#cancelTimer();
    this.#entries?.stop();
    this.#entries = undefined;
  }

  #restart(): void {
    this.#stop();
    if (this.#options.link.connected) void this.#run(this.#generation);
  }

  async #run(generation: number): Promise<void> {
    try {
      const entries = await this.#open();
      if (generation !== this.#generation) {
        entries.stop();
        return;
      }
      this.#entries = entries;
      for await (const entry of entries) {
        if (generation !== this.#generation) return;
        const value = entry.operation === 'PUT' ? entry.string() : undefined;
        this.#onChange({ key: entry.key, value, revision: entry.revision });
      }
    } catch (error) {
      this.#options.log.debug({ err: error, bucket: this.#options.bucket }, 'watch ended with an error');
      if (isMissingAsset(error)) this.#options.guard.suspect();
    }
    if (generation !== this.#generation) return;
    this.#cancelTimer = this.#options.clock.setTimer(watchRetryMs, () => this.#restart());
  }
}
