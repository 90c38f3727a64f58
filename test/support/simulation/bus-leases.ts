/** Shard leases over the modelled bucket, in the steps of the real ones. Each step is a round trip to the server. */
import type { LeaseHold, ShardLeases } from '../../../src/application/ports/membership.ts';
import type { BusLink } from './bus-link.ts';
import { BusSeenKeys } from './bus-seen-keys.ts';
import type { BusServer } from './bus-server.ts';

export interface LeaseValue {
  readonly holder: string;
  readonly incarnation: number;
}

const keyTimeoutMs = 2_000;
const ttlMs = 6_000;
const expiryMarginMs = 2_000;

export class BusLeases implements ShardLeases {
  readonly ttlMs = ttlMs;
  readonly seen: BusSeenKeys<LeaseValue>;
  readonly #link: BusLink;
  readonly #server: BusServer;

  constructor(link: BusLink, server: BusServer) {
    this.#link = link;
    this.#server = server;
    this.seen = new BusSeenKeys(link, ttlMs + expiryMarginMs);
  }

  holders(): ReadonlyMap<number, string> {
    return new Map(this.seen.values().map(([shard, { holder }]) => [Number(shard), holder]));
  }

  onChange(listener: () => void): () => void {
    return this.seen.onChange(listener);
  }

  async acquire(shard: number, holder: string, incarnation: number): Promise<LeaseHold | undefined> {
    const wanted = { holder, incarnation };
    const created = await this.#write(shard, wanted, 0);
    if (created !== undefined) return created;
    const found = await this.#read(shard);
    const isOurs = found?.value.holder === holder && found.value.incarnation <= incarnation;
    if (found !== undefined && !isOurs) return undefined;
    return this.#write(shard, wanted, found?.revision ?? 0);
  }

  async renew(hold: LeaseHold): Promise<LeaseHold | undefined> {
    const renewed = await this.#write(hold.shard, hold, hold.revision);
    if (renewed !== undefined) return renewed;
    const found = await this.#read(hold.shard);
    return found !== undefined && isHeldBy(hold, found.value)
      ? this.#write(hold.shard, hold, found.revision)
      : undefined;
  }

  async release(hold: LeaseHold): Promise<void> {
    const remove = (revision: number): Promise<boolean> =>
      this.#call(() => this.#server.leases.delete(String(hold.shard), revision));
    if (await remove(hold.revision)) return;
    const found = await this.#read(hold.shard);
    if (found !== undefined && isHeldBy(hold, found.value)) await remove(found.revision);
  }

  #read(shard: number): Promise<{ readonly value: LeaseValue; readonly revision: number } | undefined> {
    return this.#call(() => this.#server.leases.get(String(shard)));
  }

  async #write(shard: number, value: LeaseValue, revision: number): Promise<LeaseHold | undefined> {
    const { holder, incarnation } = value;
    const written = await this.#call(() =>
      this.#server.leases.update(String(shard), { holder, incarnation }, { revision, ttlMs }),
    );
    return written === undefined ? undefined : { shard, holder, incarnation, revision: written };
  }

  #call<T>(serve: () => T): Promise<T> {
    return this.#link.call(serve, { timeoutMs: keyTimeoutMs });
  }
}

function isHeldBy(hold: LeaseValue, value: LeaseValue): boolean {
  return value.holder === hold.holder && value.incarnation === hold.incarnation;
}
