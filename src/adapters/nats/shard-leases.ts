/**
 * Shard leases: one KV key per shard in a bucket with a ttl. Each step is a compare-and-set on the key's revision.
 * Leases provide liveness only; epochs decide whose writes count.
 *
 * The server removes an expired key up to about a second after its ttl and never before it (measured: it sweeps with
 * the oldest message). So a shard is free at the latest ttl + 2 s after the last renewal.
 *
 * A renewal fails if it finds another holder, or if the key is gone (expired, or the bucket was recreated). Another
 * node may have owned and released the shard meanwhile, so this owner's view of its jobs may be outdated. A renewal
 * whose answer was lost finds its own value under a newer revision and continues from there.
 *
 * After a power cut, or in a bucket that was recreated, revisions are issued again, and the lease of another node may
 * have the one that we know. So a revision counts only on the connection on which it was written, and while there is no
 * doubt about the bucket. Otherwise the key is read, and its holder decides.
 */
import type { LeaseHold, ShardLeases } from '../../application/ports/membership.ts';
import type { KeyBucket } from './key-bucket.ts';
import type { NatsLink } from './link.ts';
import { SeenKeys, type SeenKeysOptions } from './seen-keys.ts';

interface LeaseValue {
  readonly holder: string;
  readonly incarnation: number;
}

type LeasesBucket = Pick<KeyBucket, 'get' | 'update' | 'delete' | 'watch'>;

export interface ShardLeasesOptions extends Omit<SeenKeysOptions<never>, 'read'> {
  readonly link: Pick<NatsLink, 'connected' | 'onUp' | 'onDown'>;
  readonly bucket: LeasesBucket;
}

const expiryMarginMs = 2_000;

export class NatsShardLeases implements ShardLeases {
  readonly ttlMs: number;
  readonly #bucket: LeasesBucket;
  readonly #seen: SeenKeys<readonly [shard: number, holder: string]>;
  /** The last revision of each shard that we wrote, as long as no other node can have the same one. */
  readonly #written = new Map<number, number>();
  /** How often revisions may have been issued again. */
  #doubts = 0;
  readonly #stops: readonly (() => void)[];

  constructor(options: ShardLeasesOptions) {
    this.#bucket = options.bucket;
    const doubt = (): void => {
      this.#doubts += 1;
      this.#written.clear();
    };
    const { link, guard } = options;
    this.#stops = [link.onDown(doubt), guard.onBucketRepair(async () => doubt()), guard.onBucketDoubt(doubt)];
    this.ttlMs = options.ttlMs;
    // The server may remove a key this much later than its ttl.
    this.#seen = new SeenKeys({ ...options, ttlMs: options.ttlMs + expiryMarginMs, read: readHolder });
  }

  holders(): ReadonlyMap<number, string> {
    return new Map(this.#seen.values());
  }

  onChange(listener: () => void): () => void {
    return this.#seen.onChange(listener);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#seen.close();
  }

  async acquire(shard: number, holder: string, incarnation: number): Promise<LeaseHold | undefined> {
    const wanted = { holder, incarnation };
    const created = await this.#write(shard, wanted, 0);
    if (created !== undefined) return created;
    const found = await this.#bucket.get(keyOf(shard));
    const revision = found?.revision ?? 0;
    if (found?.value !== undefined) {
      const value = readLease(found.value);
      // A node may acquire at once a lease that an earlier incarnation of it holds.
      const ours = value?.holder === holder && value.incarnation <= incarnation;
      if (value !== undefined && !ours) return undefined;
    }
    return this.#write(shard, wanted, revision);
  }

  async renew(hold: LeaseHold): Promise<LeaseHold | undefined> {
    const renewed = this.#isSure(hold) ? await this.#write(hold.shard, hold, hold.revision) : undefined;
    if (renewed !== undefined) return renewed;
    const revision = await this.#revisionOf(hold);
    return revision === undefined ? undefined : this.#write(hold.shard, hold, revision);
  }

  async release(hold: LeaseHold): Promise<void> {
    if (this.#isSure(hold) && (await this.#bucket.delete(keyOf(hold.shard), hold.revision))) return;
    const revision = await this.#revisionOf(hold);
    if (revision !== undefined) await this.#bucket.delete(keyOf(hold.shard), revision);
  }

  #isSure({ shard, revision }: LeaseHold): boolean {
    return this.#written.get(shard) === revision;
  }

  /** Undefined if the lease is not the one of the hold. */
  async #revisionOf(hold: LeaseHold): Promise<number | undefined> {
    const found = await this.#bucket.get(keyOf(hold.shard));
    return found?.value !== undefined && isHeldBy(hold, found.value) ? found.revision : undefined;
  }

  async #write(shard: number, value: LeaseValue, revision: number): Promise<LeaseHold | undefined> {
    const { holder, incarnation } = value;
    const doubts = this.#doubts;
    const written = await this.#bucket.update(keyOf(shard), JSON.stringify({ holder, incarnation }), revision);
    if (written === undefined) return undefined;
    if (doubts === this.#doubts) this.#written.set(shard, written);
    return { shard, holder, incarnation, revision: written };
  }
}

function keyOf(shard: number): string {
  return `shard.${shard}`;
}

function readHolder(key: string, text: string): readonly [number, string] | undefined {
  const shard = /^shard\.(\d+)$/.exec(key)?.[1];
  const lease = readLease(text);
  return shard === undefined || lease === undefined ? undefined : [Number(shard), lease.holder];
}

function isHeldBy(hold: LeaseValue, text: string): boolean {
  const value = readLease(text);
  return value?.holder === hold.holder && value.incarnation === hold.incarnation;
}

function readLease(text: string): LeaseValue | undefined {
  try {
    const value = JSON.parse(text) as Partial<LeaseValue> | null;
    if (typeof value?.holder !== 'string' || typeof value.incarnation !== 'number') return undefined;
    return { holder: value.holder, incarnation: value.incarnation };
  } catch {
    return undefined;
  }
}
